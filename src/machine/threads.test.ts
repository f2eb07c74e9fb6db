import { testCase } from '../testing/cases.js';

testCase(
  'a thread that does not lead its process opens, preserves and freezes like any other',
  'threads',
  'not-leading',
);
testCase('a thread goes on when the one that led its process has ended', 'threads', 'leader-ended');
testCase(
  'a thread with descriptors of its own preserves its own, and gets new ones of its own',
  'threads',
  'own-descriptors',
);
testCase('many threads at once get each the right answer', 'threads', 'many');
