import { commandsOf, Nothing } from "../command.js";

export const zephyr = {
  eraseStorage: commandsOf(63, "zephyr")("erase-storage", 0, "write", "erases the storage partition", Nothing, Nothing),
} as const;
