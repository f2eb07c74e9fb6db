// Subscribes to updates by hand, and says what it is told. Words: the number of connections, then what to answer to an
// announcement: prepared, unprepared, leave, wait.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [count = '1', answer = 'prepared', pid = 'pid', memory] = process.argv.slice(2);
const socket = () => connect(`${process.env.LUO_RUNTIME_DIR}/${process.env.LUO_MACHINE}/control.sock`);

if (memory !== undefined) {
  const { PersistentState } = await import('luo');
  const state = PersistentState.open('memory');
  state.create('byte', 1);
  state.preserve();
}

for (let i = 0; i < Number(count); i++) {
  const connection = socket();
  const say = (message) => connection.write(`${JSON.stringify(message)}\n`);
  say({ request: 'updates', ...(pid === 'pid' ? { pid: process.pid } : {}) });
  createInterface({ input: connection }).on('line', (line) => {
    const { update, number, reason = '' } = JSON.parse(line);
    console.log(`${process.pid}.${i} ${update} ${reason}`);
    if (update !== 'prepare') return;
    if (answer === 'prepared') say({ request: 'prepared', number });
    if (answer === 'plain') say({ request: 'prepared' });
    if (answer === 'late') say({ request: 'prepared', number: number - 1 });
    if (answer === 'unprepared') say({ request: 'unprepared', reason: 'it is Sunday' });
    if (answer === 'leave') connection.destroy();
    if (answer === 'first' && i === 0) say({ request: 'prepared', number });
    if (answer === 'again') say({ request: 'updates', pid: process.pid });
  });
}
setInterval(() => {}, 1000);
