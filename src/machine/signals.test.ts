import { testCase } from '../testing/cases.js';

testCase('no call goes wrong or leaks a descriptor in a storm of signals that restart calls', 'signals', 'restarting');
testCase('a call that a signal interrupts has done nothing, and can be made again', 'signals', 'interrupting');
testCase('no call goes wrong in a program that is stopped and continued all the time', 'signals', 'stopping');
