/* Records what a program writes under one directory, in order, and can make the disk fail.
 *
 * Preloaded into the program under test. SHIM_DIR is the directory; SHIM_LOG takes the record of
 * opens, writes, cuts, syncs, removals, renames and of what the program says on its standard
 * output. SHIM_MATCH picks the files that fail: SHIM_FAIL_SYNC=n fails their n-th sync with EIO,
 * SHIM_FULL=n lets n more bytes be written to them and then answers ENOSPC; SHIM_ROOM=m makes room
 * again after m such answers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 1024
enum kind { OTHER, PLAIN, DIRECTORY };
static struct {
    enum kind kind;
    int fails, appends;
    unsigned long ino;
    char path[480];
} fds[FDS];

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int ready, log_fd = -1;
static const char *dir, *match;
static long fail_sync = -1, full_left = -1, refusals = -1;

static void enter(void) {
    pthread_mutex_lock(&order);
    if (ready) return;
    ready = 1;
    dir = getenv("SHIM_DIR");
    match = getenv("SHIM_MATCH");
    const char *text = getenv("SHIM_FAIL_SYNC");
    if (text) fail_sync = atol(text);
    text = getenv("SHIM_FULL");
    if (text) full_left = atol(text);
    text = getenv("SHIM_ROOM");
    if (text) refusals = atol(text);
    text = getenv("SHIM_LOG");
    if (text) log_fd = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void leave(void) { pthread_mutex_unlock(&order); }

static void note(const void *data, size_t len, const char *format, ...) {
    char head[1200];
    if (log_fd < 0) return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(head, sizeof head, format, args);
    va_end(args);
    struct iovec parts[3] = {{head, n}, {(void *)data, len}, {"\n", data ? 1 : 0}};
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)(n + len + (data ? 1 : 0))) abort();
}

static int ours(const char *path) {
    return dir && path && strncmp(path, dir, strlen(dir)) == 0;
}

static int plain(int fd) { return 0 <= fd && fd < FDS && fds[fd].kind == PLAIN; }

static int open_as(int at, const char *path, int flags, mode_t mode) {
    enter();
    struct stat stat_now;
    int existed = ours(path) && fstatat(at, path, &stat_now, 0) == 0;
    int fd = syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
    if (0 <= fd && fd < FDS) {
        fds[fd].kind = OTHER;
        if (ours(path) && fstat(fd, &stat_now) == 0) {
            fds[fd].kind = S_ISDIR(stat_now.st_mode) ? DIRECTORY : PLAIN;
            fds[fd].ino = stat_now.st_ino;
            fds[fd].appends = (flags & O_APPEND) != 0;
            fds[fd].fails = match && strstr(path, match) != NULL;
            snprintf(fds[fd].path, sizeof fds[fd].path, "%s", path);
            if (fds[fd].kind == PLAIN) {
                note(NULL, 0, "O %d %lu %s\n", !existed, fds[fd].ino, path);
                if (flags & O_TRUNC) note(NULL, 0, "T %lu 0\n", fds[fd].ino);
            }
        }
    }
    int error = errno;
    leave();
    errno = error;
    return fd;
}

#define OPENS(name)                                                     \
    int name(const char *path, int flags, ...) {                        \
        va_list args;                                                   \
        va_start(args, flags);                                          \
        mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;     \
        va_end(args);                                                   \
        return open_as(AT_FDCWD, path, flags, mode);             \
    }
#define OPENS_AT(name)                                                  \
    int name(int at, const char *path, int flags, ...) {                \
        va_list args;                                                   \
        va_start(args, flags);                                          \
        mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;     \
        va_end(args);                                                   \
        return open_as(at, path, flags, mode);                   \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int fd) {
    enter();
    if (0 <= fd && fd < FDS) fds[fd].kind = OTHER;
    int done = syscall(SYS_close, fd);
    int error = errno;
    leave();
    errno = error;
    return done;
}

static ssize_t write_at(int fd, const void *data, size_t len, off_t at) {
    enter();
    ssize_t done = -1;
    int error = ENOSPC;
    size_t room = len;
    if (plain(fd) && fds[fd].fails && 0 <= full_left) {
        if ((long)room > full_left) room = full_left;
        full_left -= room;
        if (room < len) {
            note(NULL, 0, "N %lu\n", fds[fd].ino);
            if (0 < refusals && --refusals == 0) full_left = -1;
        }
    }
    if (room != 0 || len == 0) {
        off_t from = at;
        struct stat stat_now;
        if (plain(fd) && at < 0)
            from = fds[fd].appends && fstat(fd, &stat_now) == 0 ? stat_now.st_size
                                                               : lseek(fd, 0, SEEK_CUR);
        done = at < 0 ? syscall(SYS_write, fd, data, room) : syscall(SYS_pwrite64, fd, data, room, at);
        error = errno;
        if (0 < done && plain(fd)) note(data, done, "W %lu %ld %ld\n", fds[fd].ino, (long)from, (long)done);
        if (0 < done && fd == 1) note(data, done, "A %ld\n", (long)done);
    }
    leave();
    errno = error;
    return done;
}

ssize_t write(int fd, const void *data, size_t len) {
    if (fd != 1 && !plain(fd)) return syscall(SYS_write, fd, data, len);
    return write_at(fd, data, len, -1);
}
ssize_t pwrite(int fd, const void *data, size_t len, off_t at) { return write_at(fd, data, len, at); }
ssize_t pwrite64(int fd, const void *data, size_t len, off_t at) { return write_at(fd, data, len, at); }

static int cut(int fd, off_t len) {
    enter();
    int done = syscall(SYS_ftruncate, fd, len);
    int error = errno;
    if (done == 0 && plain(fd)) note(NULL, 0, "T %lu %ld\n", fds[fd].ino, (long)len);
    leave();
    errno = error;
    return done;
}
int ftruncate(int fd, off_t len) { return cut(fd, len); }
int ftruncate64(int fd, off_t len) { return cut(fd, len); }

static int sync_as(long call, int fd) {
    enter();
    int done = -1, error = EIO;
    if (plain(fd) && fds[fd].fails && 0 < fail_sync && --fail_sync == 0) {
        note(NULL, 0, "F %lu\n", fds[fd].ino);
    } else {
        done = syscall(call, fd);
        error = errno;
        if (done == 0 && plain(fd)) note(NULL, 0, "S %lu\n", fds[fd].ino);
        if (done == 0 && 0 <= fd && fd < FDS && fds[fd].kind == DIRECTORY) note(NULL, 0, "D %s\n", fds[fd].path);
    }
    leave();
    errno = error;
    return done;
}
int fsync(int fd) { return sync_as(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_as(SYS_fdatasync, fd); }

int unlink(const char *path) {
    enter();
    int done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    int error = errno;
    if (done == 0 && ours(path)) note(NULL, 0, "U %s\n", path);
    leave();
    errno = error;
    return done;
}

int rename(const char *from, const char *to) {
    enter();
    int done = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    int error = errno;
    if (done == 0 && ours(from)) note(NULL, 0, "R %s\t%s\n", from, to);
    leave();
    errno = error;
    return done;
}
