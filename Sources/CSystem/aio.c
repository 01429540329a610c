#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include "CSystem.h"

// The kernel's own asynchronous I/O, by its system calls: no library, no thread of ours. A sync runs in a kernel work
// queue (IOCB_CMD_FSYNC and IOCB_CMD_FDSYNC, Linux 4.18). The structures are the same for 32 and 64 bit programs.

int system_aio_setup(unsigned capacity, uintptr_t *context) {
  aio_context_t made = 0;
  if (syscall(SYS_io_setup, capacity, &made) < 0) return -errno;
  *context = (uintptr_t)made;
  return 0;
}

int system_aio_destroy(uintptr_t context) { return syscall(SYS_io_destroy, (aio_context_t)context) < 0 ? -errno : 0; }

int system_aio_sync(uintptr_t context, int descriptor, int data_only, int eventfd, uint64_t tag) {
  struct iocb request = {
      .aio_data = tag,
      .aio_lio_opcode = data_only ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC,
      .aio_fildes = (uint32_t)descriptor,
      .aio_flags = IOCB_FLAG_RESFD,
      .aio_resfd = (uint32_t)eventfd,
  };
  struct iocb *requests[] = {&request};
  return syscall(SYS_io_submit, (aio_context_t)context, 1L, requests) < 0 ? -errno : 0;
}

// No time-out is given, so its format, which differs between kernels' 32-bit calls, does not matter.
int system_aio_completed(uintptr_t context, uint64_t *tag, int64_t *result) {
  struct io_event event;
  long count = syscall(SYS_io_getevents, (aio_context_t)context, 0L, 1L, &event, NULL);
  if (count <= 0) return count < 0 ? -errno : 0;
  *tag = event.data;
  *result = event.res;
  return 1;
}
