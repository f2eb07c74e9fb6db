/** The process that holds a port: it serves those who ask for it, notices that its device goes, and waits for it. */
import { close } from '../host/descriptors.js';
import { SetupError } from '../host/directories.js';
import { EPOLLIN, Epoll } from '../host/epoll.js';
import { eventLoopDescriptors, turn } from '../host/event-loop.js';
import { SystemError } from '../host/libc.js';
import { type Claim, type ClaimRecord, claim } from './claims.js';
import { type Device, deviceAt } from './device.js';
import { Hold, type HoldOptions, type LineSettings } from './hold.js';
import { HoldServer } from './hold-server.js';
import { isHungUp } from './port.js';

/** How often it is looked after what programs have left. Milliseconds. */
const TIDY_INTERVAL = 1000;
/** How often an unplugged device is looked for. Milliseconds. */
const LOOK_INTERVAL = 250;
/** What the epoll set knows Node and the port by: descriptors, by which it knows the rest, are never below 0. */
const NODE = 2 ** 40;
const PORT = 2 ** 41;

export interface HolderOptions extends HoldOptions {
  readonly path: string;
  /** Tells the person who started it. */
  say(message: string): void;
  /** How the device is opened; for tests on computers without serial ports. */
  open?(path: string, options: HoldOptions): Hold;
}

/** Holds a port until it is told to end. */
export class Holder {
  readonly #options: HolderOptions;
  readonly #epoll: Epoll;
  readonly #server: HoldServer;
  /** Undefined while the device is unplugged. */
  #hold: Hold | undefined;
  #claim: Claim | undefined;
  #ended = false;

  /** @throws SetupError where the port cannot be held, with the reason */
  constructor(options: HolderOptions) {
    this.#options = options;
    const nodes = eventLoopDescriptors();
    this.#epoll = new Epoll();
    for (const fd of nodes) this.#epoll.add(fd, EPOLLIN, NODE);
    this.#server = new HoldServer(this.#epoll, {
      hold: () => this.#hold,
      path: options.path,
      end: () => this.end(),
      say: (message) => options.say(message),
    });
    try {
      this.#take();
    } catch (error) {
      this.#letGo();
      close(this.#epoll.fd);
      throw error;
    }
  }

  /** Ends it, at its next turn. */
  end(): void {
    this.#ended = true;
  }

  /** Serves until the end. */
  async run(): Promise<void> {
    while (!this.#ended) {
      for (const { key } of this.#epoll.wait(this.#hold === undefined ? LOOK_INTERVAL : TIDY_INTERVAL)) {
        if (key !== NODE && key !== PORT) this.#server.handle(key);
      }
      // Signals come through Node.
      await turn();
      if (this.#ended) break;
      if (this.#hold === undefined) this.#lookForIt();
      else this.#lookAfter(this.#hold);
    }
    this.#end();
  }

  #end(): void {
    const { path, say } = this.#options;
    const lines = this.#hold === undefined ? undefined : ifThere(this.#hold, ({ lines }) => lines);
    this.#letGo();
    this.#server.end();
    close(this.#epoll.fd);
    say(`lets go of ${path}${lines === undefined ? '' : `: ${describeLines(lines)}`}`);
  }

  #take(): void {
    const { path, open = Hold.open, say } = this.#options;
    const device = deviceAt(path, `hold ${path}`);
    this.#claimAs(device.key, 'held', device);
    const hold = open(path, this.#options);
    this.#hold = hold;
    this.#epoll.add(hold.fd, 0, PORT);
    const { lines } = hold;
    say(`holds ${path}${lines === undefined ? '' : `: ${describeLines(lines)}`}`);
    say(hold.report);
    if (lines !== undefined && !(lines.dtr && lines.rts)) say(advice(hold));
  }

  #claimAs(name: string, state: ClaimRecord['state'], device?: Device): void {
    const { path } = this.#options;
    const taken = claim(name, { pid: process.pid, path, state });
    if (!('release' in taken)) {
      const { pid, path: other = device?.path } = taken;
      const who = pid === undefined ? 'another luo' : `another luo (process ${pid})`;
      throw new SetupError(`Cannot hold ${path}: ${who} holds it already. End that with: luo serial release ${other}`);
    }
    this.#claim = taken;
    this.#server.listen(taken.socket);
  }

  #lookAfter(hold: Hold): void {
    const messages = ifThere(hold, () => hold.tidy());
    if (messages !== undefined && !isHungUp(hold.fd)) {
      for (const message of messages) this.#options.say(message);
      return;
    }
    const { path, say } = this.#options;
    this.#letGo();
    say(`${path} is gone: unplugged, or hung up. Its lines and settings are lost; luo holds it when it is there again`);
    this.#claimAs(`waiting-${process.pid}`, 'waiting');
  }

  /** A device that has just come may not be ours to open yet: udev is still about to say whose it is. */
  #lookForIt(): void {
    const waiting = this.#claim;
    try {
      this.#take();
      waiting?.release();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      if (this.#claim === waiting) return;
      this.#claim?.release();
      this.#claim = waiting;
      if (waiting !== undefined) this.#server.listen(waiting.socket);
    }
  }

  #letGo(): void {
    this.#server.stop();
    if (this.#hold !== undefined) {
      this.#epoll.remove(this.#hold.fd);
      this.#hold.close();
      this.#hold = undefined;
    }
    this.#claim?.release();
    this.#claim = undefined;
  }
}

/** What an action gives; undefined where the device is gone. */
function ifThere<Result>(hold: Hold, action: (hold: Hold) => Result): Result | undefined {
  try {
    return action(hold);
  } catch (error) {
    if (error instanceof SystemError && isHungUp(hold.fd)) return undefined;
    throw error;
  }
}

/** In words. */
export function describeLines({ dtr, rts }: LineSettings): string {
  const state = (on: boolean | undefined) => (on ? 'on' : 'off');
  return `DTR is ${state(dtr)}, RTS is ${state(rts)}`;
}

function advice({ exclusive, isSpeedZero }: Hold): string {
  if (isSpeedZero) return 'an open leaves them so at speed 0; Linux raises both when a program sets another speed';
  const rule = 'Linux raises what is off whenever a program opens the port';
  return exclusive
    ? `${rule}, so that only those get it who ask luo for it, as luo/serialport does: others get EBUSY, but for root`
    : `${rule}. Without --share luo keeps those out that do not ask luo for it`;
}
