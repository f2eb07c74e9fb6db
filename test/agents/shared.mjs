/**
 * A kernel module with every callback that can fail, for tests: eventfds pass a live update as they are, and share an
 * object, a page of the kernel's memory. For `luo test --module`.
 */
export default {
  name: 'shared',
  init(kernel) {
    const handler = {
      compatible: 'shared-eventfd-v1',
      canPreserve: (file) => 'descriptor' in file && kernel.status(file).link === 'anon_inode:[eventfd]',
      preserve: ({ file }) => ({ serializedData: kernel.descriptors.preserve(file), privateData: undefined }),
      unpreserve: ({ serializedData }) => kernel.descriptors.unpreserve(serializedData),
      freeze() {},
      retrieve({ serializedData }) {
        // The object is retrieved with the first file.
        kernel.flbIncoming(page, () => undefined);
        return kernel.descriptors.restore(serializedData);
      },
      canFinish: () => true,
      finish({ serializedData, retrieved }) {
        if (!retrieved) kernel.descriptors.restore(serializedData).put();
      },
    };
    const page = kernel.initFlb({
      compatible: 'shared-page-v1',
      preserve() {
        const folio = kernel.kho.memory.allocateFolio(0);
        kernel.kho.preserveFolio(folio.pfn, folio.order);
        return { data: BigInt(folio.address), object: folio };
      },
      unpreserve({ object: folio }) {
        kernel.kho.unpreserveFolio(folio.pfn, folio.order);
        folio.put();
      },
      retrieve: ({ data }) => kernel.kho.restoreRamFolio(Number(data)),
      finish: ({ object: folio }) => folio.put(),
    });
    kernel.registerFileHandler(handler);
    kernel.registerFlb(handler, page);
  },
};
