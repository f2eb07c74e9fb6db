/** The boards that there are, by their names. */
import { Arduino } from './boards/arduino.js';
import { Esp32 } from './boards/esp32.js';
import { Loopback } from './boards/loopback.js';
import { Modem } from './boards/modem.js';
import { NoBoard } from './boards/none.js';
import { Rs485Bus } from './boards/rs485-bus.js';
import type { Clock } from './clock.js';
import type { BoardName } from './options.js';
import type { Board, Wires } from './wires.js';

const makers: Readonly<Record<BoardName, (clock: Clock, wires: Wires) => Board>> = {
  none: () => new NoBoard(),
  loopback: (_clock, wires) => new Loopback(wires),
  esp32: (clock, wires) => new Esp32(clock, wires),
  arduino: (clock, wires) => new Arduino(clock, wires),
  'rs485-bus': (clock, wires) => new Rs485Bus(clock, wires),
  modem: (clock, wires) => new Modem(clock, wires),
};

/** A board with power, at the end of the wires. */
export function createBoard(name: BoardName, clock: Clock, wires: Wires): Board {
  return makers[name](clock, wires);
}
