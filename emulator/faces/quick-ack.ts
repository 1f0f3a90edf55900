import type { Socket } from "node:net";

/** Has the kernel acknowledge at once what has come on a socket. */
export type QuickAck = (socket: Socket) => void;

/** Linux: setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, 1), tcp(7). It does not last: it is set anew each time. */
const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;

/** What is used of koffi. */
interface Koffi {
  load(library: null): { func(declaration: string): (...parameters: readonly unknown[]) => number };
}

/** Immediate acknowledgement, or why this machine cannot do it. */
export type QuickAckSupport = { readonly acknowledge: QuickAck } | { readonly lacks: string };

let loaded: Promise<QuickAckSupport> | undefined;

/** Loads koffi, an optional dependency, once. */
export const quickAckSupport = (): Promise<QuickAckSupport> => (loaded ??= load());

async function load(): Promise<QuickAckSupport> {
  if (process.platform !== "linux") return { lacks: "it is an option of Linux" };
  let setsockopt: (...parameters: readonly unknown[]) => number;
  try {
    const { default: koffi } = (await import("koffi")) as { default: Koffi };
    setsockopt = koffi.load(null).func("int setsockopt(int, int, int, const void *, unsigned int)");
  } catch (error) {
    return {
      lacks: `koffi cannot be loaded (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`,
    };
  }
  const on = Uint8Array.of(1, 0, 0, 0);
  const acknowledge: QuickAck = (socket) => {
    const fd = descriptorOf(socket);
    if (fd !== undefined) setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, on, on.length);
  };
  return { acknowledge };
}

/** Node shows a socket's descriptor nowhere else. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}
