/** Makes the calls of a measured case on a bench, by the words of the record. */
import { encodeSerialCounters } from '../../../uapi/serial.js';
import { TIOCM_CAR, TIOCM_CTS, TIOCM_DSR, TIOCM_RNG } from '../../../uapi/tty.js';
import { KernelError } from '../../error.js';
import type { Waiting } from '../ioctl.js';
import { modemBits, modemText } from './measured.js';
import { changeSerial, readSerial, serialText } from './serial-changes.js';
import type { TtyBench } from './tty-bench.js';

export interface Answer {
  readonly result?: number;
  readonly errno?: string;
  readonly value?: number;
  readonly serial?: string;
  readonly icount?: string;
}

const OK: Answer = { result: 0 };
const WAITS: Answer = { result: -1, errno: 'ETIME' };
const SIGNALLED: Answer = { result: -1, errno: 'EINTR' };

type Verb = (words: RegExpMatchArray, call: string) => Answer | undefined;

/** The programs of one case. */
export class Replay {
  readonly #bench: TtyBench;
  readonly #case: string;
  readonly #verbs: readonly (readonly [RegExp, Verb])[];
  /** An open that waits for carrier. */
  #waitingOpen = false;
  #waitingCall: Waiting | undefined;

  constructor(bench: TtyBench, caseName: string) {
    this.#bench = bench;
    this.#case = caseName;
    this.#verbs = this.#vocabulary();
  }

  /** @returns undefined for what is not asked of the tty core and its drivers */
  perform(call: string): Answer | undefined {
    // Of a descriptor that was hung up, the machine knows by itself.
    if (this.isDead && /^(write|read|TIOCM[GS]ET|TCGETS)/.test(call)) return undefined;
    for (const [pattern, verb] of this.#verbs) {
      const words = call.match(pattern);
      if (words === null) continue;
      try {
        return verb(words, call);
      } catch (error) {
        if (error instanceof KernelError) return { result: -1, errno: error.code };
        throw error;
      }
    }
    return undefined;
  }

  /** Whether every descriptor that is left was hung up. */
  get isDead(): boolean {
    return this.#bench.files === 0;
  }

  get modem(): string {
    return modemText(this.#bench.tty.modemLines);
  }

  get termios(): string {
    const { termios } = this.#bench;
    const { inputFlags, outputFlags, controlFlags, localFlags, inputSpeed, outputSpeed, controlCharacters } = termios;
    const numbers = [inputFlags, outputFlags, controlFlags, localFlags, ...controlCharacters.slice(0, 17)];
    return `${numbers.map((number) => number.toString(16)).join(':')} ${inputSpeed}/${outputSpeed}`;
  }

  #vocabulary(): [RegExp, Verb][] {
    const bench = this.#bench;
    return [
      [/^boot of the kernel|its driver binds|^kexec into the second kernel/, () => this.#nextKernel()],
      [/^first kernel: open/, () => this.#firstKernel()],
      [/unplugged/, () => this.#done(() => bench.unplug())],
      [/^the device is plugged in again/, () => this.#done(() => bench.plug())],
      [/^open\(T, [^,]*\), then at once TIOCMSET 0/, () => this.#openAndClear()],
      [/^chmod|^openat|^which|^open without/, () => undefined],
      [/^([ab] = |in another process: .*|a second )?open\b/, (_, call) => this.#open(call)],
      [/^dup$/, () => this.#done(() => (bench.files += 1))],
      [/^that open returns/, () => (bench.tty.hasCarrier ? this.#opened() : this.#giveUp(SIGNALLED))],
      [/^that open: returned/, () => (bench.tty.hasCarrier ? this.#opened() : WAITS)],
      [/^SIGKILL to the process that waits/, () => this.#giveUp(OK)],
      [/^close.*(hung up one|old one|old descriptor)|with the other/, () => OK],
      [
        /^(last )?close|^(A|that process) gets SIGKILL|^(B|L2) exits|_exit|^the child is killed|^SIGKILL to it/,
        () => this.#close(),
      ],
      [/^L, the session leader, exits|^TIOCVHANGUP(?! by uid| again)/, () => this.#done(() => bench.hangUp())],
      [/^TCSETS/, (_, call) => this.#setTermios(call)],
      [/^(TIOCM(?:SET|GET)) to a bad address/, ([, name]) => this.#badAddress(name)],
      [/^TIOCMGET(?! through)(.*)/, ([, where]) => this.#linesAsked(where !== '')],
      [/^(TIOCM(?:SET|BIS|BIC)) (\S+)/, ([, name, bits]) => this.#changeOutputs(name, bits)],
      [
        /; TIOCGICOUNT$/,
        () =>
          this.#done(
            () => this.#inputs('all low'),
            () => this.#inputs('all'),
          ) && this.#icount(),
      ],
      [/^(?:inputs )?(.*)\(input\)|^inputs (.*)/, ([, a, b]) => this.#done(() => this.#inputs(a ?? b ?? ''))],
      [/^(TIOC[EN]XCL)/, ([, name]) => this.#plain(name)],
      [/^TIOCGEXCL/, () => ({ result: 0, value: bench.ioctlInt('TIOCGEXCL') })],
      [/^TIOCGSERIAL/, () => this.#serial()],
      [/^TIOCSSERIAL (.*)/, ([, change]) => this.#setSerial(change ?? '')],
      [/^TIOC([GS])RS485(.*ENABLED)?/, ([, way, on]) => this.#rs485(way === 'S', on !== undefined)],
      [/^TIOCGICOUNT/, () => this.#icount()],
      [/^TIOCGSOFTCAR/, () => ({ result: 0, value: bench.ioctlInt('TIOCGSOFTCAR') })],
      [/^TIOCSSOFTCAR (\d)/, ([, on]) => this.#done(() => bench.ioctlInt('TIOCSSOFTCAR', Number(on)))],
      [/^alarm\(1\); TIOCMIWAIT (\S+?)(,|$| )/, ([, bits]) => this.#await(bits, SIGNALLED)],
      [/^TIOCMIWAIT (\S+)/, ([, bits]) => this.#await(bits, WAITS)],
      [/^it returns/, () => this.#awaited()],
      [/^(TIOC[SC]BRK)/, ([, name]) => this.#plain(name)],
      [/^TCSBRK(P?) (\d)/, ([, tenths, length]) => this.#sendBreak(tenths === 'P', Number(length))],
      [/^write\(/, () => this.#write()],
    ];
  }

  #nextKernel(): Answer {
    this.#bench.nextKernel();
    return OK;
  }

  /** What the cases kexec-* do before, without a step of its own. */
  #firstKernel(): Answer {
    this.#open('open');
    if (this.#case.endsWith('nohupcl')) this.#setTermios('TCSETS -HUPCL');
    return this.#case.includes('open') ? OK : this.#close();
  }

  #done(...actions: (() => unknown)[]): Answer {
    for (const action of actions) action();
    return OK;
  }

  #open(call: string): Answer {
    const nonblock = call.includes('O_NONBLOCK');
    const isOpen = this.#bench.open({ nonblock, privileged: !call.includes('by uid 65534') });
    if (!isOpen) this.#waitingOpen = true;
    return isOpen ? { result: 3 } : WAITS;
  }

  #openAndClear(): Answer {
    this.#bench.open();
    this.#bench.ioctlInt('TIOCMSET', 0);
    return OK;
  }

  #opened(): Answer {
    this.#waitingOpen = false;
    this.#bench.files += 1;
    return { result: 3 };
  }

  #giveUp(answer: Answer): Answer {
    this.#waitingOpen = false;
    this.#bench.during(() => this.#bench.tty.giveUp());
    return answer;
  }

  #close(): Answer {
    // The second descriptor of this case is closed without a step of its own.
    if (this.#case === 'termios-two') this.#bench.close();
    // The last close starts the port anew for whoever waits.
    if (this.#bench.close() && this.#waitingOpen) this.#bench.open({ nonblock: false });
    return OK;
  }

  #setTermios(call: string): Answer {
    this.#bench.stty(call.replace(/^TCSETS[W2]?/, ''), call.startsWith('TCSETS2') ? 'TCSETS2' : 'TCSETS');
    return OK;
  }

  #badAddress(name: string | undefined): Answer {
    this.#bench.ioctl(name === 'TIOCMGET' ? 'TIOCMGET' : 'TIOCMSET', 8);
    return OK;
  }

  #linesAsked(isValue: boolean): Answer {
    const lines = this.#bench.ioctlInt('TIOCMGET');
    return isValue ? { result: 0, value: lines } : { result: lines };
  }

  #changeOutputs(name: string | undefined, bits = ''): Answer {
    const command = name === 'TIOCMSET' ? 'TIOCMSET' : name === 'TIOCMBIS' ? 'TIOCMBIS' : 'TIOCMBIC';
    this.#bench.ioctlInt(command, modemBits(bits) | 0);
    return OK;
  }

  #inputs(text: string): void {
    const kept =
      /CTS falls/.test(text) && this.#case !== 'miwait'
        ? TIOCM_DSR | TIOCM_CAR
        : /DSR and CD fall/.test(text)
          ? TIOCM_CTS
          : /carrier falls/.test(text)
            ? TIOCM_CTS | TIOCM_DSR
            : /all low|CTS falls/.test(text)
              ? 0
              : /^RI/.test(text)
                ? TIOCM_RNG
                : TIOCM_CTS | TIOCM_DSR | TIOCM_CAR;
    const has = (line: number) => (kept & line) !== 0;
    this.#bench.setInputs({ cts: has(TIOCM_CTS), dsr: has(TIOCM_DSR), dcd: has(TIOCM_CAR), ri: has(TIOCM_RNG) });
  }

  #plain(name: string | undefined): Answer {
    const known = ['TIOCEXCL', 'TIOCNXCL', 'TIOCSBRK', 'TIOCCBRK'] as const;
    for (const command of known.filter((one) => one === name)) this.#bench.ioctl(command);
    return OK;
  }

  #serial(): Answer {
    return { result: 0, serial: serialText(readSerial(this.#bench)) };
  }

  #setSerial(change: string): Answer {
    const refusal = changeSerial(this.#bench, change, this.#case !== 'serial-info-user');
    const serial = serialText(readSerial(this.#bench));
    return refusal === undefined ? { result: 0, serial } : { result: -1, errno: refusal, serial };
  }

  #rs485(set: boolean, enabled: boolean): Answer {
    const bytes = new Uint8Array(32);
    bytes[0] = enabled ? 3 : 0;
    this.#bench.ioctl(set ? 'TIOCSRS485' : 'TIOCGRS485', bytes);
    return OK;
  }

  #icount(): Answer {
    const bytes = new Uint8Array(encodeSerialCounters(this.#bench.tty.counters).length);
    this.#bench.ioctl('TIOCGICOUNT', bytes);
    const [cts, dsr, rng, dcd, rx, tx] = new Int32Array(bytes.buffer);
    return { result: 0, icount: `cts=${cts} dsr=${dsr} rng=${rng} dcd=${dcd} rx=${rx} tx=${tx}` };
  }

  #await(bits: string | undefined, whileItWaits: Answer): Answer {
    const answer = this.#bench.ioctl('TIOCMIWAIT', modemBits(bits ?? ''));
    if (typeof answer !== 'function') return { result: answer ?? -1 };
    this.#waitingCall = answer;
    return this.#awaited(whileItWaits);
  }

  #awaited(whileItWaits = WAITS): Answer {
    const result = this.#waitingCall?.();
    return result === undefined ? whileItWaits : { result };
  }

  #sendBreak(isInTenths: boolean, length: number): Answer {
    // TCSBRK with another number than 0 only waits until all has been sent.
    if (!isInTenths && length > 0) return OK;
    this.#bench.during(() => this.#bench.tty.setBreak(true));
    this.#bench.clock.advance(length === 0 ? 250_000 : length * 100_000);
    this.#bench.during(() => this.#bench.tty.setBreak(false));
    return OK;
  }

  #write(): Answer {
    this.#bench.write(5);
    return { result: 5 };
  }
}
