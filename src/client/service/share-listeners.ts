import cluster, { type Worker } from 'node:cluster';
import type { ListenOptions } from 'node:net';
import { sendDescriptor } from './handles.js';
import { ListeningSocket } from './listening-socket.js';
import { ofLuo, type PrimaryMessage, SHARING_PRIMARY, type WorkerMessage } from './shared-protocol.js';

interface Shared {
  readonly socket: ListeningSocket;
  /** By the worker. */
  readonly slots: Map<number, number>;
  /** Those of the last generation whose connections nobody has taken over yet. */
  readonly left: Set<number>;
}

const shared: Map<string, Promise<Shared | undefined>> = new Map();

/**
 * Lets this process, the primary of a cluster, have the listening sockets of `listen()` in its workers. Call it once,
 * before `cluster.fork()`. All workers accept from the same socket; each hands its connections over itself. Without a
 * machine it does nothing.
 */
export function shareListeners(): void {
  if (!cluster.isPrimary || process.env[SHARING_PRIMARY] === String(process.pid)) return;
  process.env[SHARING_PRIMARY] = String(process.pid);
  cluster.on('message', (worker, message) => {
    const request = ofLuo<WorkerMessage>(message);
    if (request !== undefined) answer(worker, request).catch((error) => refuse(worker, request.name, error));
  });
  cluster.on('exit', async ({ id }) => {
    for (const one of shared.values()) release(await one.catch(() => undefined), id);
  });
}

async function answer(worker: Worker, { luo, name, options }: WorkerMessage): Promise<void> {
  if (luo === 'close') {
    await leave(worker, name);
    return;
  }
  const one = await share(name, options);
  if (one === undefined) {
    shared.delete(name);
    send(worker, { luo: 'none', name });
    return;
  }
  const { socket, slots } = one;
  const slot = slots.get(worker.id) ?? socket.slots.take();
  slots.set(worker.id, slot);
  const left = luo === 'listen' ? claim(one, slot) : [];
  sendDescriptor(worker, { luo: 'socket', name, slot, left, isTakenOver: socket.isTakenOver }, socket.fd);
}

function share(name: string, options: ListenOptions): Promise<Shared | undefined> {
  const known = shared.get(name);
  if (known !== undefined) return known;
  const opened = ListeningSocket.open(name, options).then(
    (socket) => socket && { socket, slots: new Map<number, number>(), left: new Set(socket.left) },
  );
  shared.set(name, opened);
  // Whoever asks next tries again.
  opened.catch(() => shared.delete(name));
  return opened;
}

/** The workers that there are share what the last generation's have left, however many those were. */
function claim({ left }: Shared, slot: number): number[] {
  const workers = Math.max(1, Object.keys(cluster.workers ?? {}).length);
  const claimed = [...left].filter((one) => one % workers === slot % workers);
  for (const one of claimed) left.delete(one);
  return claimed;
}

/** The last one that closes its server closes the socket. */
async function leave({ id }: Worker, name: string): Promise<void> {
  const one = await shared.get(name);
  release(one, id);
  if (one === undefined || one.slots.size > 0) return;
  shared.delete(name);
  one.socket.close();
}

function release(one: Shared | undefined, worker: number): void {
  const slot = one?.slots.get(worker);
  if (one === undefined || slot === undefined) return;
  one.slots.delete(worker);
  one.socket.slots.free(slot);
}

function refuse(worker: Worker, name: string, error: unknown): void {
  const { message, code } = error as NodeJS.ErrnoException;
  send(worker, { luo: 'failed', name, error: message, code });
}

function send(worker: Worker, message: PrimaryMessage): void {
  if (worker.isConnected()) worker.send(message);
}
