/** What must do the same on a machine and on a real Linux: the same files, started the same way. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../compile.js';
import { filesOfNode } from './node-files.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What an agent does in one generation. */
export interface Stage {
  readonly command: readonly string[];
  /** What it must have said by the end of its generation. */
  readonly says: RegExp;
  /** Whether it exits with 0, or is ended by the live update. Processes that it leaves behind are ended in any case. */
  readonly end: 'exits' | 'updated';
}

/** A program that lives through live updates. */
export interface Agent {
  readonly title: string;
  /** Compiles what has to be compiled. */
  build(): Build;
}

export interface Build {
  /** Files that the stages need, their programs included. */
  readonly files: readonly string[];
  /** One for each generation. */
  readonly stages: readonly Stage[];
}

/** Agents that share a computer, where there is a real one: each must close the device before the next one starts. */
export interface Crew {
  readonly title: string;
  /** MiB that the computer needs. */
  readonly memory: number;
  /** All of them have as many stages. */
  readonly agents: readonly Agent[];
}

/** Programs of one generation that compare what each call gives with what Linux gives, and say nothing. */
export interface Check {
  /** In test/programs. */
  readonly program: string;
  readonly cases: readonly string[];
  /** Cases that a machine passes only if it is strict. */
  readonly strictCases?: readonly string[];
}

export const checks: readonly Check[] = [
  {
    program: 'descriptors',
    cases: ['passed', 'in-flight', 'held', 'copied', 'exec', 'reopened', 'not-of-luo', 'addresses'],
  },
  { program: 'frozen', cases: ['size', 'seals'], strictCases: ['copies', 'pages'] },
  { program: 'looks', cases: ['systemd', 'ls', 'hang-up'], strictCases: ['strict', 'no-socket'] },
  {
    program: 'opens',
    cases: ['lowest', 'openat2', 'bad-openat2', 'creat', 'paths', 'end-of-memory', 'length', 'no-room'],
  },
  { program: 'threads', cases: ['not-leading', 'leader-ended', 'own-descriptors', 'many'] },
  { program: 'signals', cases: ['restarting', 'interrupting', 'stopping'] },
  { program: 'extensions', cases: ['absent'] },
  { program: 'filters', cases: ['own-filter'] },
  { program: 'kills', cases: ['execute'] },
  { program: 'power', cases: ['refuse'] },
];

/** The commands of all checks. */
export function checkCommands({ strict }: { readonly strict: boolean }): string[][] {
  return checks.flatMap(({ program, cases, strictCases = [] }) => {
    const path = compile(`test/programs/${program}.c`);
    return [...cases, ...(strict ? strictCases : [])].map((name) => [path, name]);
  });
}

export const crews: readonly Crew[] = [
  alone({
    title: 'an agent that leaves a helper behind, one of many threads, and one that waits take over from each other',
    build() {
      const program = compile('test/programs/agent.c');
      return {
        files: [program],
        stages: [
          { command: [program, 'fork'], says: /^count 1 fork$/m, end: 'exits' },
          { command: [program, 'thread'], says: /^count 2 thread$/m, end: 'updated' },
          { command: [program, 'wait'], says: /^count 3 wait$/m, end: 'updated' },
        ],
      };
    },
  }),
  alone({
    title: 'the second version of the example finds every byte of what the first one wrote until the end',
    build() {
      const first = compile('examples/agent/agent.c', '-DVERSION=1');
      const second = compile('examples/agent/agent.c', '-DVERSION=2');
      return {
        files: [first, second],
        stages: [
          { command: [first, '32'], says: /^agent 1: .* goes on writing$/m, end: 'updated' },
          {
            command: [second],
            says: /^agent 2: 32 MiB checked by hash[\s\S]*^agent 2: finished both sessions/m,
            end: 'updated',
          },
        ],
      };
    },
  }),
  alone({
    title: 'the robust example finds all that it saved',
    build() {
      const program = compile('examples/agent/robust.c');
      return {
        files: [program],
        stages: [
          { command: [program, 'save'], says: /^/, end: 'exits' },
          { command: [program, 'restore'], says: /^/, end: 'exits' },
        ],
      };
    },
  }),
  {
    title: 'programs of Node do by the client library what they do on a machine',
    memory: 2048,
    agents: [
      {
        title: 'a program of Node makes every call of the client library, and is refused what it must be',
        build: () => clientBuild('client-calls.mjs', /^first done$/m, /^second done$/m, 'exits'),
      },
      {
        title: 'a program of Node finds its persistent state again',
        build: () => clientBuild('client-state.mjs', /^generation 1 done$/m, /^generation 2 done$/m, 'updated'),
      },
      {
        title: 'a program of Node loses nothing of a state that cannot be opened',
        build: () => clientBuild('client-broken-state.mjs', /^first done$/m, /^second done$/m, 'exits'),
      },
    ],
  },
];

function alone(agent: Agent): Crew {
  return { title: agent.title, memory: 1024, agents: [agent] };
}

function clientBuild(script: string, first: RegExp, second: RegExp, end: Stage['end']): Build {
  const path = join(root, 'test/programs', script);
  const command = [process.execPath, path];
  return {
    files: [...filesOfNode(), path],
    stages: [
      { command, says: first, end: 'updated' },
      { command, says: second, end },
    ],
  };
}
