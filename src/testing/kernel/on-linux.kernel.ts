/** The programs of test/ on a real Linux, through real kexecs: `npm run test:kernel`. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile, noCompiler } from '../compile.js';
import { compare, observations, recorded } from '../conformance.js';
import { cannotBoot, findImage } from './image.js';
import { Linux } from './linux.js';
import { checkCommands, crews, type Stage } from './programs.js';

const found = findImage();
const skip = noCompiler() || cannotBoot(found);
const image = found ?? '';

describe('on Linux', () => {
  test('the probe sees what the record says', { skip }, async (t) => {
    const probe = compile('test/conformance/probe.c');
    await using linux = await Linux.boot({ image, files: [probe], generations: 2 });
    const before = await linux.run([probe, '1']);
    await linux.kexec();
    const after = await linux.run([probe, '2']);
    await linux.powerOff();
    const comparison = compare(recorded(), [...observations(1, before), ...observations(2, after)]);
    t.diagnostic(`conformance of this Linux: ${comparison.equal} / ${comparison.total} equal`);
    assert.deepEqual(comparison.differences, []);
  });

  test('every call gives what a machine gives', { skip }, async () => {
    const commands = checkCommands({ strict: true });
    const files = [...new Set(commands.flatMap(([path = '']) => path))];
    await using linux = await Linux.boot({ image, files, generations: 1 });
    for (const command of commands) assert.equal(await linux.run(command), '', command.join(' '));
    await linux.powerOff();
  });

  for (const { title, memory, agents } of crews) {
    test(title, { skip }, async () => {
      const builds = agents.map((agent) => agent.build());
      const files = [...new Set(builds.flatMap((build) => build.files))];
      const generations = Math.max(...builds.map(({ stages }) => stages.length));
      await using linux = await Linux.boot({ image, files, generations, memory });
      for (let index = 0; index < generations; index++) {
        if (index > 0) await linux.kexec();
        for (const { stages } of builds) await runStage(linux, stages[index]);
      }
      await linux.powerOff();
    });
  }
});

async function runStage(linux: Linux, stage: Stage | undefined): Promise<void> {
  assert.ok(stage, 'agents that share a computer have as many stages');
  const { command, says, end } = stage;
  if (end === 'exits') assert.match(await linux.run(command), says);
  else await linux.start(command, says);
}
