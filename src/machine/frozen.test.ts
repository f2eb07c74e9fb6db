import { testCase } from '../testing/cases.js';

testCase('a preserved memfd cannot be given another size, until its session is closed', 'frozen', 'size');
testCase('a preserved memfd cannot be sealed against writing, until its session is closed', 'frozen', 'seals');
testCase('no write makes a preserved memfd longer on a strict machine', 'frozen', 'writes', ['--strict']);
testCase('no copy makes a preserved memfd longer on a strict machine', 'frozen', 'copies', ['--strict']);
testCase('no page of a preserved memfd can be removed on a strict machine', 'frozen', 'pages', ['--strict']);
testCase('a strict machine keeps the size of a preserved memfd as any other does', 'frozen', 'size', ['--strict']);
