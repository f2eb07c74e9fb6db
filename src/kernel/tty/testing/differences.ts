/** Where our drivers and the measured ones differ, each with its reason. A reason that no step needs fails the test. */

export type Aspect = 'answer' | 'edges' | 'modem' | 'termios' | 'value' | 'serial' | 'icount' | 'transmitted';

/** Calls that are answered by something else than the tty core and its drivers. */
export const answeredElsewhere: readonly (readonly [RegExp, string])[] = [
  [
    /^(read|6000 bytes|TIOCINQ|TIOCOUTQ|TCFLSH|TCXONC|the read)/,
    'bytes in queues are with the line discipline: the host',
  ],
  [/^(TIOCGPGRP|TIOCGSID|TIOCGWINSZ|TIOCGETD|TIOCGLCKTRMIOS|setsid|open\(T, O_RDWR\) without)/, 'sessions: the host'],
  [/^(TIOCGISO7816|TIOCGPTN|TIOCGDEV|TIOCSERGETLSR|ioctl 0x54ff)/, 'commands that no driver of ours has: the host'],
  [/^TIOCSERCONFIG/, 'the hardware is what it is, and is not looked for again'],
  [/^(write|TIOCM[GS]ET|TCGETS|TIOCVHANGUP again)/, 'a descriptor that was hung up: the host'],
  [/^(poll|fstat|fcntl|fork|SIGHUP|TIOCVHANGUP by uid)/, 'descriptors and signals: the host'],
  [/^(which tty|chmod)/, 'files in /dev: the machine'],
];

export interface Difference {
  readonly record: RegExp;
  readonly name: RegExp;
  readonly call: RegExp;
  readonly aspects: readonly Aspect[];
  readonly reason: string;
  /** The rest of the case is another one from here on. */
  readonly toTheEnd?: true;
}

const any = /./;

export const differences: readonly Difference[] = [
  {
    record: /8250/,
    name: /^throttle$/,
    call: /bytes|^TIOCINQ/,
    aspects: ['edges', 'modem'],
    reason: 'what programs leave unread is with the host, so RTS does not fall for it',
  },
  {
    record: /8250/,
    name: /^serial-info$/,
    call: /^TCXONC TCI/,
    aspects: ['transmitted'],
    reason: 'START and STOP are sent by the line discipline: the host',
  },
  {
    record: /8250/,
    name: /^serial-info$/,
    call: /^TIOCSERCONFIG/,
    aspects: ['edges', 'modem', 'termios'],
    reason: 'the hardware is what it is, and is not looked for again',
  },
  {
    record: /8250/,
    name: /^serial-identity$/,
    call: /^TIOCSSERIAL irq 5 while two/,
    aspects: ['answer'],
    reason: 'another address is EINVAL, however often the port is open',
  },
  {
    record: /8250/,
    name: /^serial-identity$/,
    call: /^TIOCSSERIAL hub6/,
    aspects: ['edges', 'modem', 'termios'],
    reason: 'there is no UART at another address: hub6 is ignored; type, port and irq are EINVAL',
    toTheEnd: true,
  },
  {
    record: /8250/,
    name: /^serial-info-user$/,
    call: /^TIOCSSERIAL hub6/,
    aspects: ['answer'],
    reason: 'hub6 is ignored',
  },
  {
    record: /acm|ftdi/,
    name: /^unplug/,
    call: /^the device is unplugged/,
    aspects: ['edges'],
    reason: 'the record has what the device is told; ours loses its power, and its lines fall',
  },
  {
    record: /acm|ftdi/,
    name: /^unplug$/,
    call: /^open\(T/,
    aspects: ['answer'],
    reason: 'ENOENT comes from the file in /dev: the machine',
  },
  {
    record: /acm/,
    name: /^serial-info$/,
    call: /TIOCGICOUNT/,
    aspects: ['icount'],
    reason: 'the measured device told of its inputs after the first open, which counts as a change',
  },
  {
    record: /acm/,
    name: /^miwait$/,
    call: /no SA_RESTART/,
    aspects: ['answer'],
    reason: 'the measured device told of its inputs after the first open, which counts as a change',
  },
  {
    record: /acm/,
    name: /^miwait$/,
    call: /^it returns\?/,
    aspects: ['answer'],
    reason: 'a wait that a hang-up does not end would never end',
  },
  {
    record: /ftdi/,
    name: /^(hupcl-off|clocal-wait|hangup|break|unplug-cleared)$/,
    call: any,
    aspects: ['edges'],
    reason: 'the bus takes the power of our converter at the last close, and with it the lines and a break',
  },
  {
    record: /ftdi/,
    name: /^tiocm$/,
    call: any,
    aspects: ['modem'],
    reason: 'OUT1, OUT2 and LOOP do not exist: they are not stored',
  },
  {
    record: /ftdi/,
    name: /^(serial-info|miwait|carrier-loss)$/,
    call: any,
    aspects: ['answer', 'icount', 'edges', 'modem'],
    reason: 'the measured converter did not report changes of its inputs',
  },
];
