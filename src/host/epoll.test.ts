import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { close, send, socketPair } from './descriptors.js';
import { EPOLLHUP, EPOLLIN, Epoll } from './epoll.js';

test('wait() gives the keys of what is ready, and nothing where nothing is', () => {
  const epoll = new Epoll();
  const [one, other] = socketPair();
  epoll.add(one, EPOLLIN, 2 ** 40);
  deepEqual(epoll.wait(0), []);
  send(other, 'x');
  deepEqual(epoll.wait(-1), [{ key: 2 ** 40, events: EPOLLIN }]);
  close(other);
  equal((epoll.wait(0)[0]?.events ?? 0) & EPOLLHUP, EPOLLHUP);
  epoll.remove(one);
  deepEqual(epoll.wait(0), []);
  close(one);
  close(epoll.fd);
});

test('a set of descriptors can be waited for by another set', () => {
  const [inner, outer] = [new Epoll(), new Epoll()];
  const [one, other] = socketPair();
  inner.add(one, EPOLLIN, 1);
  outer.add(inner.fd, EPOLLIN, 7);
  deepEqual(outer.wait(0), []);
  send(other, 'x');
  deepEqual(outer.wait(0), [{ key: 7, events: EPOLLIN }]);
  for (const fd of [one, other, inner.fd, outer.fd]) close(fd);
});
