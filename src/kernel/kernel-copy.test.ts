import { deepEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Profile } from './kernel.js';
import { FakeMachine } from './testing/checked-machine.js';

const reader = fileURLToPath(new URL('testing/read-handover.js', import.meta.url));

/** What another process finds in a copy of the RAM. */
function readElsewhere(machine: FakeMachine, profile: Profile): unknown {
  const { root, regions } = machine.kernel.reboot();
  const folder = mkdtempSync(join(tmpdir(), 'luo-copy-'));
  try {
    const path = join(folder, 'ram');
    writeFileSync(path, machine.hardware.ram);
    const handover = JSON.stringify({ root, regions: regions.map(({ start, pages }) => ({ start, pages })) });
    return JSON.parse(execFileSync(process.execPath, [reader, path, profile, handover], { encoding: 'utf8' }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a kernel in another process finds everything in a copy of the RAM`, () => {
    const machine = new FakeMachine({ profile });
    const device = machine.openDevice();
    const name = Uint8Array.of(0xff, 0xc3, 0x28, 0x20, 0x2f);
    const first = machine.create(device, name);
    machine.create(device, 'empty');
    const files = [
      { token: '18446744073709551615', size: 5, position: 3 },
      { token: '0', size: 0, position: 77 },
      { token: '4096', size: 2 ** 42 + 1, position: 2 ** 40 },
    ];
    for (const { token, size, position } of files) {
      machine.preserve(first, machine.memfd('', { size, position }), BigInt(token));
    }
    deepEqual(readElsewhere(machine, profile), {
      generation: '1',
      found: [
        {
          name: [...name],
          files: files.map(({ token, size, position }) => ({
            token,
            compatible: profile === 'v5' ? 'memfd-v1' : 'memfd-v2',
            size: `${size}`,
            position: `${position}`,
          })),
        },
        { name: [...new TextEncoder().encode('empty')], files: [] },
      ],
    });
  });
}
