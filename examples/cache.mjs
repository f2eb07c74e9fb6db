/*
 * A cache that is warm after an update.
 *
 *     luo run -d --name cache -- node examples/cache.mjs          1 GiB of values, or as many MiB as the next word says
 *     luo kexec cache                                             the next version finds all of them
 *     luo logs cache
 */
import { createHash } from 'node:crypto';
import { PersistentState } from 'luo';

const VALUE_SIZE = 4096;

/** What takes long, and what the cache is there for. */
function compute(key) {
  return Buffer.alloc(VALUE_SIZE, createHash('sha256').update(`value ${key}`).digest());
}

/** Values by number. Each has one place, and a tag that says which is there. */
class Cache {
  hits = 0;
  misses = 0;
  #values;
  #tags;

  constructor(state, size) {
    const slots = Math.floor(size / VALUE_SIZE);
    this.#values = bufferOf(state, 'values', slots * VALUE_SIZE);
    const tags = bufferOf(state, 'tags', slots * 8);
    this.#tags = new Float64Array(tags.buffer, tags.byteOffset, slots);
  }

  get(key) {
    const slot = key % this.#tags.length;
    const value = this.#values.subarray(slot * VALUE_SIZE, (slot + 1) * VALUE_SIZE);
    if (this.#tags[slot] === key + 1) {
      this.hits++;
      return value;
    }
    this.misses++;
    // An update may come between any two lines: no tag may promise what is not there.
    this.#tags[slot] = 0;
    value.set(compute(key));
    this.#tags[slot] = key + 1;
    return value;
  }
}

/** What the last generation left, unless the size is another one now. */
function bufferOf(state, key, bytes) {
  const found = state.get(key);
  if (found?.length === bytes) return found;
  state.delete(key);
  return state.create(key, bytes);
}

const mebibytes = Number(process.argv[2] ?? 1024);
const start = performance.now();
const state = PersistentState.open('cache');
const cache = new Cache(state, mebibytes * 2 ** 20);
state.preserve();
const opened = performance.now();

// Every value once: those that the last generation had cost nothing.
const keys = (mebibytes * 2 ** 20) / VALUE_SIZE;
const sum = createHash('sha256');
for (let key = 0; key < keys; key++) sum.update(cache.get(key).subarray(0, 32));
const { hits, misses } = cache;
console.log(`${state.isNew ? 'cold' : 'warm'}: opened ${mebibytes} MiB in ${(opened - start).toFixed(1)} ms`);
console.log(`${hits} hits, ${misses} misses in ${(performance.now() - opened).toFixed(0)} ms`);
console.log(`all values: ${sum.digest('hex').slice(0, 16)}`);

// A server would serve from here on. An update ends this process at any moment, as a kexec does.
setInterval(() => {}, 1000);
