import { isOnMachine, linkToMachine, type MachineLink } from './machine-link.js';
import { Preparation, type Update, type UpdateRound } from './update.js';
import { warnOnce } from './warn.js';

/** What goes on where the update does not happen after all. */
export type Undo = () => void | Promise<void>;

/**
 * Gets ready for an update: the program is replaced when the promise has resolved, and all others have.
 *
 * @returns what undoes it, called where the update does not happen after all; or nothing
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is what most will write.
export type PrepareForUpdate = (update: Update) => void | Undo | Promise<void | Undo>;

/** How a function of `onUpdate` is known. */
export interface OnUpdateOptions {
  /** The name of the session that `update.session` makes: another one for each function and each process. */
  readonly name?: string;
}

/** A function that is called before this program is replaced, for as long as this is not closed. */
export interface UpdateSubscription extends Disposable {
  /** Whether updates are announced: false without a machine of luo's. No update comes unannounced once it is true. */
  readonly announced: Promise<boolean>;
  /** The function is not called any more. A second call does nothing. */
  close(): void;
}

interface Hook {
  readonly prepare: PrepareForUpdate;
  readonly name: string;
  /** Whether it brings a server to rest, for which `drained` waits. */
  readonly drains: boolean;
}

/**
 * Calls a function before `luo kexec` replaces this program, and waits for it: to write down what must not be lost, or
 * to hand descriptors over. Where there is no machine it is never called. It does not keep the process alive.
 *
 *     onUpdate(async ({ drained, signal }) => {
 *       await drained;
 *       save();
 *       return () => console.log('goes on:', signal.reason.message);
 *     });
 *
 * Where it throws, the update does not happen, and `luo kexec` says why.
 */
export function onUpdate(prepare: PrepareForUpdate, { name = 'update' }: OnUpdateOptions = {}): UpdateSubscription {
  return subscribe({ prepare, name, drains: false });
}

/** The same, for what brings a server to rest. */
export function onDrain(prepare: PrepareForUpdate): UpdateSubscription {
  return subscribe({ prepare, name: 'update', drains: true });
}

const hooks: Set<Hook> = new Set();
/** One a process, from the first function on. */
let announcements: Promise<MachineLink | undefined> | undefined;
let cancel: ((reason: string) => void) | undefined;
let lastRound: Promise<void> = Promise.resolve();

function subscribe(hook: Hook): UpdateSubscription {
  hooks.add(hook);
  announcements ??= isOnMachine() ? link() : Promise.resolve(undefined);
  const close = () => {
    hooks.delete(hook);
  };
  return { announced: announcements.then((one) => one !== undefined), close, [Symbol.dispose]: close };
}

async function link(): Promise<MachineLink | undefined> {
  try {
    return await linkToMachine({
      prepare: (number, timeout) => {
        const ended = new Promise<string>((resolve) => {
          cancel = resolve;
        });
        lastRound = lastRound.then(() => prepareAll(number, timeout, ended));
      },
      cancelled: (reason) => cancel?.(reason),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warnOnce(
      `Cannot learn of updates from machine "${process.env['LUO_MACHINE']}": ${reason}. They come unannounced; run the program by the luo that it imports`,
    );
    return undefined;
  }
}

/** Gets ready, and waits: for the end of this process, or for the word that it does not come. */
async function prepareAll(number: number, timeout: number, cancelled: Promise<string>): Promise<void> {
  const machine = await announcements;
  if (machine === undefined) return;
  // What keeps a server alive is stopped: the process must not end before it is replaced.
  machine.keepAlive(true);
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = cancelled.then((reason) => controller.abort(new Error(reason)));
  const undo: Undo[] = [];
  const start = async (hook: Hook, round: UpdateRound) => {
    const update = new Preparation(round, hook.name);
    undo.push(() => update.cancel());
    const back = await hook.prepare(update);
    if (typeof back === 'function') undo.push(back);
    signal.throwIfAborted();
    update.preserve();
  };
  const begin = (which: boolean, drained: Promise<void>) =>
    [...hooks].filter(({ drains }) => drains === which).map((hook) => start(hook, { signal, timeout, drained }));
  const servers = begin(true, Promise.resolve());
  const drained = Promise.all(servers).then(() => {});
  // Not everybody waits for it.
  drained.catch(() => {});
  const all = [...servers, ...begin(false, drained)];
  Promise.all(all).then(
    () => machine.prepared(number),
    (error: unknown) => machine.unprepared(number, error instanceof Error ? error.message : String(error)),
  );
  await aborted;
  await Promise.allSettled(all);
  for (const back of undo.reverse()) await attempt(back);
  machine.keepAlive(false);
}

async function attempt(undo: Undo): Promise<void> {
  try {
    await undo();
  } catch (error) {
    process.emitWarning(`Cannot undo what was done for an update that did not happen: ${error}`, {
      code: 'LUO_SERVICE',
    });
  }
}
