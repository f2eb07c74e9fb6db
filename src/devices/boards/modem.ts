import { bytesOf, textOf } from '../bytes.js';
import type { Clock } from '../clock.js';
import type { Board, Outputs, Wires } from '../wires.js';

/** From ATDT to CONNECT, in microseconds. */
export const DIAL_TIME = 2_000_000;
/** Silence after `+++` that makes it a command. */
export const GUARD_TIME = 1_000_000;
/** How long RI is asserted at each ring, and how long it is not then. */
export const RING_ON = 2_000_000;
export const RING_OFF = 4_000_000;

/** The longest command line; what goes beyond is an error. */
const LONGEST_COMMAND = 80;
const ESCAPE = '+++';

type Mode = 'command' | 'dialling' | 'online';

/**
 * A modem with the commands that Hayes gave it. DTR holds the connection: when it falls, the modem hangs up, and DCD
 * falls. The other side of a connection sends back what it gets.
 */
export class Modem implements Board {
  readonly name = 'modem';
  readonly #clock: Clock;
  readonly #wires: Wires;
  #mode: Mode = 'command';
  #dtr = false;
  #isEchoing = true;
  /** There is a connection, whoever talks: after `+++` it is still there. */
  #isConnected = false;
  #command = '';
  /** The end of what was sent online, where it may become `+++AT…`. */
  #escape = '';
  #cancelEscape = () => {};
  #cancelDial = () => {};
  #cancelRing = () => {};
  #isRinging = false;
  #hangUps = 0;
  #calls = 0;

  constructor(clock: Clock, wires: Wires) {
    this.#clock = clock;
    this.#wires = wires;
    wires.setInputs({ cts: true, dsr: true });
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** `calls` are connections, `hangups` those of them that ended. */
  counts(): Readonly<Record<string, number>> {
    return { calls: this.#calls, hangups: this.#hangUps };
  }

  /** Somebody calls, so many times. RI goes with it, and `RING`. ATA answers. */
  ring(times: number): void {
    this.#stopRinging();
    if (times <= 0 || this.#isConnected) return;
    this.#isRinging = true;
    this.#wires.setInputs({ ri: true });
    this.#print('\r\nRING\r\n');
    this.#cancelRing = this.#clock.after(RING_ON, () => {
      this.#wires.setInputs({ ri: false });
      this.#cancelRing = this.#clock.after(RING_OFF, () => this.ring(times - 1));
    });
  }

  linesChanged({ dtr }: Outputs): void {
    const fell = this.#dtr && !dtr;
    this.#dtr = dtr;
    if (!fell || (!this.#isConnected && this.#mode === 'command')) return;
    this.#wires.note('Modem: DTR fell: hangs up');
    this.#hangUp();
    this.#print('\r\nNO CARRIER\r\n');
  }

  received(bytes: Uint8Array, began: number): void {
    // Any key ends dialling, as on the modems of old.
    if (this.#mode === 'dialling') {
      this.#hangUp();
      this.#print('\r\nNO CARRIER\r\n');
      return;
    }
    if (this.#mode === 'online') this.#pass(bytes, began);
    else for (const character of textOf(bytes)) this.#type(character);
  }

  powerChanged(on: boolean): void {
    this.#wires.note(on ? 'Modem: power on' : 'Modem: power off');
    this.#wires.silence();
    this.#hangUp();
    this.#stopRinging();
    this.#wires.setInputs({ cts: on, dsr: on });
    this.#isEchoing = true;
    this.#command = '';
  }

  /** The other side has it at once, and sends it back. `+++` is meant for the modem where nothing but AT follows. */
  #pass(bytes: Uint8Array, began: number): void {
    this.#cancelEscape();
    this.#wires.reflect(bytes, began);
    this.#escape = (this.#escape + textOf(bytes)).slice(-LONGEST_COMMAND);
    const at = this.#escape.lastIndexOf(ESCAPE);
    const command = at < 0 ? undefined : this.#escape.slice(at + ESCAPE.length);
    if (command === '') this.#cancelEscape = this.#clock.after(GUARD_TIME, () => this.#escapeToCommand());
    if (command === undefined || !/^AT[^\r\n]*\r\n?$/i.test(command)) return;
    this.#mode = 'command';
    this.#escape = '';
    this.#execute(command.trim());
  }

  #escapeToCommand(): void {
    this.#mode = 'command';
    this.#escape = '';
    this.#print('\r\nOK\r\n');
  }

  #type(character: string): void {
    if (this.#isEchoing) this.#print(character);
    if (character === '\n') return;
    if (character !== '\r') {
      this.#command += this.#command.length < LONGEST_COMMAND ? character : '';
      return;
    }
    const command = this.#command.trim();
    this.#command = '';
    if (command !== '') this.#execute(command);
  }

  #execute(line: string): void {
    const command = /^AT(.*)$/i.exec(line)?.[1];
    const words = command?.toUpperCase().replaceAll(' ', '') ?? '';
    if (command !== undefined && /^D[TP]?[\d,W]+$/.test(words) && !this.#isConnected) this.#dial(command);
    else if ((words === 'A' && this.#isRinging) || (words === 'O' && this.#isConnected)) this.#goOnline();
    else this.#print(command !== undefined && this.#obey(words) ? '\r\nOK\r\n' : '\r\nERROR\r\n');
  }

  /** @returns whether the modem knows the command */
  #obey(words: string): boolean {
    if (words === 'H' || words === 'H0' || words === 'Z') this.#hangUp();
    else if (words === 'E0' || words === 'E1') this.#isEchoing = words === 'E1';
    else return words === '' || words === 'I';
    return true;
  }

  #dial(number: string): void {
    this.#mode = 'dialling';
    this.#wires.note(`Modem: dials (AT${number})`);
    this.#cancelDial = this.#clock.after(DIAL_TIME, () => this.#goOnline());
  }

  #goOnline(): void {
    this.#stopRinging();
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#calls += 1;
      this.#wires.note('Modem: connected');
      this.#wires.setInputs({ dcd: true });
    }
    this.#mode = 'online';
    this.#print('\r\nCONNECT 9600\r\n');
  }

  #stopRinging(): void {
    this.#cancelRing();
    this.#isRinging = false;
    this.#wires.setInputs({ ri: false });
  }

  #hangUp(): void {
    this.#cancelDial();
    this.#cancelEscape();
    this.#escape = '';
    this.#mode = 'command';
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#hangUps += 1;
    this.#wires.note('Modem: hung up');
    this.#wires.setInputs({ dcd: false });
  }

  #print(text: string): void {
    this.#wires.send(bytesOf(text));
  }
}
