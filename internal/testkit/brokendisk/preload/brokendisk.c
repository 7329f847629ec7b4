/* Makes the disk fail where a test says so: preloaded into a process, it stands
 * before the C library's writes and syncs of the files whose path contains
 * $BROKEN_DISK_MATCH. $BROKEN_DISK is a file of int64 that the test maps too.
 * The system calls that a Go program makes by itself do not pass here. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { WHAT, AT, ERRNO, AFTER, SHORT, CALLS, FAILED, FIELDS };
enum { WRITE = 1, SYNC = 2 };

static int64_t *control;
static const char *match;

__attribute__((constructor)) static void begin(void) {
	const char *path = getenv("BROKEN_DISK");
	match = getenv("BROKEN_DISK_MATCH");
	if (!path || !match)
		return;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *at = mmap(0, FIELDS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		control = at;
}

static int64_t get(int i) { return __atomic_load_n(&control[i], __ATOMIC_SEQ_CST); }

static int ours(int fd) {
	char name[32], path[4096];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = 0;
	return strstr(path, match) != 0;
}

/* fails tells whether this call is one that has to fail; errno is set then. */
static int fails(int what, int fd) {
	if (!control || get(WHAT) != what || !ours(fd))
		return 0;
	int64_t n = __atomic_add_fetch(&control[CALLS], 1, __ATOMIC_SEQ_CST);
	if (n != get(AT) && !(get(AFTER) && n > get(AT)))
		return 0;
	__atomic_add_fetch(&control[FAILED], 1, __ATOMIC_SEQ_CST);
	errno = (int)get(ERRNO);
	return n == get(AT) ? 1 : 2;
}

ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) {
	int f = fails(WRITE, fd);
	if (f == 1 && get(SHORT) && n > 1)
		return syscall(SYS_pwrite64, fd, b, n / 2, at);
	return f ? -1 : syscall(SYS_pwrite64, fd, b, n, at);
}

ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { return pwrite64(fd, b, n, at); }

ssize_t write(int fd, const void *b, size_t n) {
	int f = fails(WRITE, fd);
	if (f == 1 && get(SHORT) && n > 1)
		return syscall(SYS_write, fd, b, n / 2);
	return f ? -1 : syscall(SYS_write, fd, b, n);
}

int fsync(int fd) { return fails(SYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return fails(SYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd); }
