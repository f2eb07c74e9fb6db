/** What one operation of the kernel costs by how many sessions or files there are: all alike, where it looks none up. */
import { FakeMachine } from '../kernel/testing/fake-machine.js';
import type { Luo } from '../testing/luo.js';
import { figure, type Table } from './figures.js';

const COUNTS = [10, 100, 1000, 10_000];
/** RAM for the largest count: a file takes 3 pages. */
const PAGES = 40_960;

/** Microseconds for one session or file, by the name of the operation. */
type Costs = Map<string, number>;

export async function scale(_luo: Luo, rounds: number): Promise<Table[]> {
  // Compiles the code.
  for (let i = 0; i < 3; i += 1) for (const measure of [sessions, files]) measure(100);
  return [...tables('session', sessions, rounds), ...tables('file of a session', files, rounds)];
}

/** A table for each operation, with a row for each count. */
function tables(thing: string, measure: (count: number) => Costs, rounds: number): Table[] {
  const found = COUNTS.map(() => [] as Costs[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, count] of COUNTS.entries()) found[i]?.push(measure(count));
  }
  const operations = [...(found[0]?.[0]?.keys() ?? [])];
  return operations.map((operation) => {
    const figures = found.map((costs) => figure(costs.map((cost) => cost.get(operation) ?? Number.NaN)));
    const first = figures[0]?.median ?? Number.NaN;
    return {
      title: `${operation}, for one ${thing} of so many`,
      rows: figures.map((one, i) => ({
        what: (COUNTS[i] ?? 0).toLocaleString('en'),
        figure: one,
        unit: 'us',
        ratio: i === 0 ? undefined : one.median / first,
      })),
    };
  });
}

function sessions(count: number): Costs {
  const { machine, timed, costs } = begin(count);
  const device = machine.openDevice();
  timed('create', () => each(count, (i) => machine.create(device, `session ${i}`)));
  const after = kexec(machine, timed);
  const fds = timed('retrieve by name', () => each(count, (i) => machine.retrieve(after, `session ${count - 1 - i}`)));
  timed('finish', () => fds.forEach((fd) => void machine.finish(fd)));
  timed('close', () => fds.forEach((fd) => void machine.task.close(fd)));
  machine.endGeneration();
  return costs;
}

function files(count: number): Costs {
  const { machine, timed, costs } = begin(count);
  const session = machine.create(machine.openDevice(), 'vm');
  const memory = each(count, () => machine.memfd('x'));
  timed('preserve', () => memory.forEach((fd, i) => void machine.preserve(session, fd, BigInt(i))));
  const after = kexec(machine, timed);
  const incoming = machine.retrieve(after, 'vm');
  timed('retrieve by token', () => each(count, (i) => machine.retrieveFd(incoming, BigInt(count - 1 - i))));
  timed('finish', () => machine.finish(incoming));
  machine.endGeneration();
  return costs;
}

function begin(count: number) {
  const machine = new FakeMachine({ pages: PAGES });
  machine.task.limit = Number.POSITIVE_INFINITY;
  const costs: Costs = new Map();
  const timed = <Result>(operation: string, run: () => Result): Result => {
    const begun = performance.now();
    const result = run();
    costs.set(operation, ((performance.now() - begun) * 1000) / count);
    return result;
  };
  return { machine, costs, timed };
}

/** As a machine does it: the next kernel has the very RAM. @returns the device, open */
function kexec(machine: FakeMachine, timed: <Result>(operation: string, run: () => Result) => Result): number {
  const handover = timed('freeze and write down', () => machine.kernel.reboot());
  machine.endGeneration();
  return timed('boot and read', () => {
    machine.boot(handover);
    machine.task.limit = Number.POSITIVE_INFINITY;
    return machine.openDevice();
  });
}

function each<Result>(count: number, run: (i: number) => Result): Result[] {
  return Array.from({ length: count }, (_, i) => run(i));
}
