import { testCase } from '../testing/cases.js';

testCase('every descriptor is the lowest that is free, and close-on-exec as asked', 'opens', 'lowest');
testCase('openat2 opens the device, with O_CLOEXEC and without', 'opens', 'openat2');
testCase('openat2 is refused what the kernel refuses', 'opens', 'bad-openat2');
testCase('creat and O_CREAT open the device that is there', 'opens', 'creat');
testCase('the device is found by relative paths, directory descriptors and linked directories', 'opens', 'paths');
testCase('a path may end where the memory ends, and must end before', 'opens', 'end-of-memory');
testCase('a path may be as long as the kernel takes it, and no longer', 'opens', 'length');
testCase('a program without room for a descriptor gets EMFILE, and nothing is left of the call', 'opens', 'no-room');
