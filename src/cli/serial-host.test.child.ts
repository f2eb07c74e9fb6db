/**
 * Holds a port as a machine holds one of the host, and tells what opens of it do. It runs on another machine, whose
 * emulated port has lines, which no pseudo-terminal has.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close } from '../host/descriptors.js';
import { ioctl } from '../host/ioctl.js';
import { KernelError } from '../kernel/error.js';
import { HostLine } from '../machine/serial/host-line.js';
import { openFlags } from '../uapi/fcntl.js';
import { TIOCM_DTR, TIOCM_RTS, ttyCommands } from '../uapi/tty.js';

const { O_RDWR } = openFlags(process.arch);
const line = new HostLine('ttyUSB0', '/dev/ttyS0', { watchHangUp() {}, unwatch() {}, after() {} });

function open(how: { readonly keep: boolean; readonly privileged: boolean }): number {
  const opened = line.open({ flags: O_RDWR, ...how });
  if (!('descriptor' in opened)) throw new Error('it waits');
  return opened.descriptor;
}

function numberOf(fd: number, command: number): number {
  const bytes = new Uint8Array(4);
  ioctl(fd, command, bytes);
  return new DataView(bytes.buffer).getInt32(0, true);
}

function give(fd: number, command: number, value: number): void {
  ioctl(fd, command, Uint8Array.from([value, 0, 0, 0]));
}

function linesOf(fd: number): string {
  const lines = numberOf(fd, ttyCommands.TIOCMGET);
  return [(lines & TIOCM_DTR) === 0 ? '' : 'DTR', (lines & TIOCM_RTS) === 0 ? '' : 'RTS'].join(' ').trim();
}

const any = { keep: false, privileged: true };
const first = open(any);
console.log('held:', linesOf(first));
give(first, ttyCommands.TIOCMBIC, TIOCM_RTS);
const kept = open({ keep: true, privileged: false });
console.log('kept:', linesOf(kept));
close(kept);
close(open(any));
console.log('opened:', linesOf(first));

ioctl(first, ttyCommands.TIOCEXCL, new Uint8Array(4));
const other = spawn('sh', ['-c', 'echo; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit', first] });
await once(other.stdout ?? other, 'data');
for (const privileged of [false, true]) {
  try {
    close(open({ keep: privileged, privileged }));
    console.log('exclusive: ok');
  } catch (error) {
    console.log('exclusive:', error instanceof KernelError ? error.code : error);
  }
}
other.kill('SIGKILL');
await once(other, 'exit');
// What this process has open counts as preserved.
close(first);
const anew = open({ keep: false, privileged: false });
console.log('left behind:', numberOf(anew, ttyCommands.TIOCGEXCL));
close(anew);
line.close();
try {
  open(any);
} catch (error) {
  console.log('closed:', error instanceof KernelError ? error.code : error);
}
