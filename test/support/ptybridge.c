/* Makes a raw pseudo-terminal and relays standard input and output to and from it, for machines without socat.
 * Says "PTY is <path>" on standard error. Ends when standard input does. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

struct pipe {
  int from, to;
  char bytes[65536];
  ssize_t length, sent;
};

static int again(void) { return errno == EAGAIN || errno == EINTR; }

/* Moves what can be moved now. -1: one of the ends is gone. */
static int pump(struct pipe *p, short readable, short writable) {
  if (p->length == 0 && (readable & (POLLIN | POLLHUP))) {
    p->sent = 0;
    p->length = read(p->from, p->bytes, sizeof p->bytes);
    if (p->length == 0) return -1;
    if (p->length < 0) {
      p->length = 0;
      return again() ? 0 : -1;
    }
  }
  if (p->length > 0 && (writable & POLLOUT)) {
    ssize_t n = write(p->to, p->bytes + p->sent, (size_t)p->length);
    if (n < 0) return again() ? 0 : -1;
    p->sent += n;
    p->length -= n;
  }
  return 0;
}

static void nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

int main(void) {
  static struct pipe in = {.from = 0}, out = {.to = 1};
  int master, slave;
  char name[128];
  struct termios settings;
  if (openpty(&master, &slave, name, NULL, NULL)) return 1;
  tcgetattr(slave, &settings);
  cfmakeraw(&settings);
  tcsetattr(slave, TCSANOW, &settings);
  signal(SIGPIPE, SIG_IGN);
  in.to = out.from = master;
  nonblocking(0);
  nonblocking(1);
  nonblocking(master);
  fprintf(stderr, "PTY is %s\n", name);
  for (;;) {
    struct pollfd ends[3] = {
        {0, in.length ? 0 : POLLIN, 0},
        {master, (short)((out.length ? 0 : POLLIN) | (in.length ? POLLOUT : 0)), 0},
        {1, out.length ? POLLOUT : 0, 0},
    };
    if (poll(ends, 3, -1) < 0 && errno != EINTR) return 1;
    if (pump(&in, ends[0].revents, ends[1].revents)) return 0;
    if (pump(&out, ends[1].revents & POLLIN, ends[2].revents)) return 0;
    if ((ends[0].revents | ends[2].revents) & POLLERR) return 0;
  }
}
