/** A kernel module: eventfds pass a live update as they are, counter and all. For `luo run --module`. */
export default {
  name: 'eventfd',
  init(kernel) {
    kernel.registerFileHandler({
      compatible: 'eventfd-v1',
      canPreserve: (file) => 'descriptor' in file && kernel.status(file).link === 'anon_inode:[eventfd]',
      preserve: ({ file }) => ({ serializedData: kernel.descriptors.preserve(file), privateData: undefined }),
      unpreserve: ({ serializedData }) => kernel.descriptors.unpreserve(serializedData),
      retrieve: ({ serializedData }) => kernel.descriptors.restore(serializedData),
      finish({ serializedData, retrieved }) {
        // Nobody has asked for it: it is closed.
        if (!retrieved) kernel.descriptors.restore(serializedData).put();
      },
    });
  },
};
