/** A serial port of a virtual computer whose control lines are watched. */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/** The number of the modem control register of a 16550A, and its bits. */
const MODEM_CONTROL = '0x04';
const DTR = 1;
const RTS = 2;

/**
 * A 16550A that Linux has as /dev/ttyS2, with something at its other end that sends back what it gets. Each write to a
 * register of a serial port of the computer is recorded by QEMU; nobody writes to the modem control register of the other
 * two once the computer is ready.
 */
export class WatchedPort implements Disposable {
  readonly #trace: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #socketPath: string;
  #seen = 0;
  #register = 0;

  constructor(directory: string) {
    this.#trace = join(directory, 'trace');
    this.#socketPath = join(directory, 'port');
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('data', (bytes) => socket.write(bytes));
    });
  }

  /** Listens, before QEMU connects. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#socketPath, resolve));
  }

  /** For `Hardware.devices`. */
  get devices(): readonly string[] {
    return [
      ...['-chardev', `socket,id=watched,path=${this.#socketPath}`],
      ...['-device', 'isa-serial,chardev=watched,iobase=0x3e8,irq=5,index=2'],
      ...['-trace', 'serial_write', '-D', this.#trace],
    ];
  }

  /** Forgets what the drivers did when they found the ports: they leave all lines low. */
  begin(): void {
    this.edges();
    this.#register = 0;
  }

  /** What DTR and RTS have done since this was asked last, in order: such as `['+DTR +RTS', '-RTS']`. */
  edges(): string[] {
    const lines = readFileSync(this.#trace, 'utf8').split('\n').slice(0, -1);
    const fresh = lines.slice(this.#seen);
    this.#seen = lines.length;
    return fresh.flatMap((line) => {
      const [, register, value = '0'] = /serial_write .*addr (0x\w+) val (0x\w+)/.exec(line) ?? [];
      if (register !== MODEM_CONTROL) return [];
      const before = this.#register;
      this.#register = Number(value);
      const edge = [change('DTR', DTR, before, this.#register), change('RTS', RTS, before, this.#register)].flat();
      return edge.length === 0 ? [] : [edge.join(' ')];
    });
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function change(name: string, bit: number, before: number, after: number): string[] {
  if ((before & bit) === (after & bit)) return [];
  return [`${(after & bit) === 0 ? '-' : '+'}${name}`];
}
