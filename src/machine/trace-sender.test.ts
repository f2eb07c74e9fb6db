import { deepEqual, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Chronicle } from './chronicle.js';
import type { TraceMessage } from './control-protocol.js';
import type { MachineEvent } from './events.js';
import { sendTrace } from './trace-sender.js';

test('a reader that reads nothing for a while learns how much it has lost, and how the machine ended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'luo-sender-'));
  const server = createServer({ pauseOnConnect: true }).listen(join(directory, 'socket'));
  try {
    await once(server, 'listening');
    const reader = connect(join(directory, 'socket')).pause();
    const [socket] = (await once(server, 'connection')) as [Socket];
    const chronicle = new Chronicle({});
    sendTrace({ chronicle, settle: () => {} }, socket);
    const sent = 5000;
    const argv = ['x'.repeat(1000)];
    for (let generation = 1; generation <= sent; generation++)
      chronicle.recorder.tell({ event: 'generation', generation, argv });
    chronicle.recorder.tell({ event: 'end', generation: sent, by: 'stop', left: [], dropped: [], leaks: [] });
    socket.end();
    const lines = (await text(reader)).split('\n').filter(Boolean);
    // sendTrace() wrote them.
    const messages = lines.map((line) => JSON.parse(line) as TraceMessage);
    const events = messages.flatMap((message): MachineEvent[] => ('event' in message ? [message.event] : []));
    const lost = messages.flatMap((message) => ('lost' in message ? [message.lost] : []));
    deepEqual([lost.length, events.at(-1)?.event], [1, 'end']);
    ok(lost[0] !== undefined && lost[0] > 0);
    deepEqual(events.length + lost[0], sent + 1);
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
});
