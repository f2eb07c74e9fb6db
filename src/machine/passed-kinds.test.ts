/** Each kind of open file that luo preserves beside memory, as programs see it: what passes, and what does not. */
import { deepEqual, equal } from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { passedKinds } from '../kernel/fs/passed-kinds.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

/** By program, the name of each of its rows and what it shows. */
const rows: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'passed-sockets': {
    'tcp-listening': 'a listening TCP socket passes with its address, and with a connection that nobody accepted yet',
    'tcp-connected': 'a TCP connection passes with the bytes of both directions, its options and O_NONBLOCK',
    'tcp-peer-gone': 'a TCP connection whose other end goes is read to its end, or reset where that had bytes to read',
    udp: 'a UDP socket passes with its datagrams, one by one, and who sent them',
    'unix-listening': 'a listening Unix socket passes with its path, and with a connection that nobody accepted yet',
    'unix-datagram': 'a Unix datagram socket passes with its path, its datagrams, and who sent them',
    pair: 'socket pairs pass with what is on its way, the borders of messages, and the credentials of before',
    'pair-two-sessions': 'the ends of a socket pair pass in two sessions',
    'pair-half': 'an end that nobody asks for is closed with its session, and the other end is told',
    'unix-peer-gone': 'a Unix socket whose other end goes is read to its end, or reset where that had bytes to read',
    'unix-in-flight':
      'a descriptor on its way in a Unix socket arrives in the next generation; that of a session is dead',
  },
  'passed-descriptors': {
    pipe: 'a pipe passes with its content, its capacity, and the flags of each end',
    'pipe-half': 'an end of a pipe whose other end goes reads the rest and the end, or EPIPE',
    fifo: 'a FIFO passes, and can be opened by its name',
    eventfd: 'eventfds pass with their counters, and semaphores stay semaphores',
    timerfd: 'timerfds go on: one that expired is read, one that repeats goes on, one that is far stays as far',
    file: 'a file passes with its position, O_APPEND and access mode, and with what is written after it was preserved',
    'deleted-file': 'a file that has no name any more passes',
    locks: 'flock, locks of open files and leases pass; a POSIX lock does not',
    owner: 'O_ASYNC and its signal pass, its owner does not',
    twice: 'an open file has one token, by whatever descriptor (v5: as many as are asked for); two opens are two',
    others: 'epoll, inotify, signalfd, pidfds, namespaces, directories and devices are ENOENT with all kinds, too',
  },
};

for (const [name, shown] of Object.entries(rows)) {
  for (const profile of ['linux', 'v5']) {
    for (const strict of [false, true]) {
      test(`${profile}${strict ? ', strict' : ''}: ${name}`, { skip }, async (t) => {
        await using luo = new Luo();
        const directory = join(luo.directory, 'files');
        mkdirSync(directory);
        const options = ['--abi', profile, '--preserve', passedKinds.join(','), ...(strict ? ['--strict'] : [])];
        const program = compile(`test/programs/${name}.c`);
        const { code, stdout, stderr } = await luo.run(['run', ...options, '--', program, directory, profile]);
        const said = new Map([...stdout.matchAll(/^(\S+): (\w+)$/gm)].map(([, row, outcome]) => [row, outcome]));
        for (const [row, promise] of Object.entries(shown)) {
          await t.test(promise, () => equal(said.get(row), 'ok', `${row}\n${stderr}`));
        }
        equal(code, 0, stderr);
        deepEqual([...said.keys()], Object.keys(shown));
      });
    }
  }
}
