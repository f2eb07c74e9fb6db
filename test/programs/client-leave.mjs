/** Has everything open that the client library can open, and ends without a word. */
import { LiveUpdate, Memfd, PersistentState } from 'luo';

const liveUpdate = LiveUpdate.open();
const state = PersistentState.open('state', { liveUpdate });
state.preserve();
state.create('buffer', 1 << 20).fill(1);
liveUpdate.createSession('left').preserve(Memfd.create('left', { size: 4096 }), 1);
console.log('left');
process.exit(0);
