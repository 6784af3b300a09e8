/* Counts what processes write below one folder, and at one call ends them or makes it fail.
 *
 * Loaded by LD_PRELOAD into a step and all that it starts. TORTURE_ROOT is the folder,
 * TORTURE_CONTROL a file with struct control, which all processes map, so that they count together.
 * shim.py writes it and names the modes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, COUNT, LOG, KILL, FAIL, SHORT };

struct control {
    int64_t mode, count, at, error, group, hit;
    char what[PATH_MAX]; /* the call that was hit */
};

static struct control *control;
static const char *root;
static size_t root_length;
static int log_file = -1;

/* Called again by a process that has forked and counts by a file of its own. */
__attribute__((constructor)) void torture_begin(void) {
    const char *path = getenv("TORTURE_CONTROL"), *log = getenv("TORTURE_LOG");
    const char *folder = getenv("TORTURE_ROOT");
    if (!path || !folder) return;
    root = strdup(folder);
    root_length = strlen(root);
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *at = file < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0) syscall(SYS_close, file);
    if (at == MAP_FAILED) return;
    if (log) log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC);
    control = at;
}

/* Put the absolute form of path, as seen from folder, into full; is it below the root? */
static int below(int folder, const char *path, char *full) {
    char link[64];
    size_t length = 0;
    if (!path) return 0;
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(full, PATH_MAX - 1)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t n = readlink(link, full, PATH_MAX - 2);
            if (n < 0) return 0;
            full[n] = 0;
        }
        length = strlen(full);
        if (path[0] && length < PATH_MAX - 2) full[length++] = '/';
    }
    if (length + strlen(path) >= PATH_MAX) return 0;
    strcpy(full + length, path);
    return !strncmp(full, root, root_length) && full[root_length] == '/';
}

static void note(const char *call, const char *path) {
    char line[PATH_MAX + 64];
    int n = snprintf(line, sizeof line, "%s\t%s\n", call, path + root_length + 1);
    if (log_file >= 0 && n > 0) syscall(SYS_write, log_file, line, (size_t)n);
}

/* Count a call on path; 0: go on, 1: fail (errno is set), 2: write a part. bytes: of a write. */
static int counted(const char *call, int folder, const char *path) {
    char full[PATH_MAX];
    int kept = errno;
    if (!control || control->mode == OFF || !below(folder, path, full)) return errno = kept, 0;
    if (control->mode == LOG) note(call, full);
    int64_t now = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
    errno = kept;
    if (now != control->at || control->mode < KILL) return 0;
    snprintf(control->what, sizeof control->what, "%s %s", call, full + root_length + 1);
    control->hit = 1;
    if (control->mode == SHORT) return 2;
    if (control->mode == FAIL) return errno = (int)control->error, 1;
    if (strstr(call, "write") && control->error) return 2; /* a torn write, then the end */
    kill(-(pid_t)control->group, SIGKILL);
    kill(0, SIGKILL);
    return 0;
}

static void end_if_killing(void) {
    if (control->mode != KILL) return;
    kill(-(pid_t)control->group, SIGKILL);
    kill(0, SIGKILL);
}

static void seen(int folder, const char *path) {
    char full[PATH_MAX];
    int kept = errno;
    if (control && control->mode == LOG && below(folder, path, full)) note("read", full);
    errno = kept;
}

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & (O_CREAT | O_TRUNC)))

static int opened(const char *call, int folder, const char *path, int flags) {
    if (WRITES(flags)) return counted(call, folder, path) == 1;
    return seen(folder, path), 0;
}

#define MODE_OF(flags, last) \
    mode_t bits = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list list; \
        va_start(list, last); \
        bits = va_arg(list, mode_t); \
        va_end(list); \
    }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE_OF(flags, flags) \
        NEXT(name); \
        return opened("open", AT_FDCWD, path, flags) ? -1 : next(path, flags, bits); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE_OF(flags, flags) \
        NEXT(name); \
        return opened("open", folder, path, flags) ? -1 : next(folder, path, flags, bits); \
    }
#define FOPEN(name) \
    FILE *name(const char *path, const char *how) { \
        NEXT(name); \
        int flags = strpbrk(how, "wa+") ? O_WRONLY : O_RDONLY; \
        return opened("open", AT_FDCWD, path, flags) ? NULL : next(path, how); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)

/* Of a descriptor. What is no file below the root, a terminal or a pipe, does not count. */
static int counted_fd(const char *call, int fd) { return counted(call, fd, ""); }

#define OF_FD(kind, name, call, declared, given) \
    kind name declared { \
        NEXT(name); \
        return counted_fd(call, fd) == 1 ? -1 : next given; \
    }
#define WRITE(name, declared, whole, part) \
    ssize_t name declared { \
        NEXT(name); \
        int what = counted_fd("write", fd); \
        if (what == 1) return -1; \
        if (what != 2) return next whole; \
        ssize_t done = next part; \
        end_if_killing(); \
        return done; \
    }
WRITE(write, (int fd, const void *from, size_t n), (fd, from, n), (fd, from, n / 2))
WRITE(pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), (fd, from, n / 2, at))
WRITE(pwrite64, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at), (fd, from, n / 2, at))
WRITE(writev, (int fd, const struct iovec *from, int n), (fd, from, n), (fd, from, (n + 1) / 2))
WRITE(sendfile, (int fd, int in, off_t *at, size_t n), (fd, in, at, n), (fd, in, at, n / 2))
WRITE(sendfile64, (int fd, int in, off64_t *at, size_t n), (fd, in, at, n), (fd, in, at, n / 2))
OF_FD(int, fsync, "fsync", (int fd), (fd))
OF_FD(int, fdatasync, "fsync", (int fd), (fd))
OF_FD(int, ftruncate, "truncate", (int fd, off_t n), (fd, n))
OF_FD(int, ftruncate64, "truncate", (int fd, off64_t n), (fd, n))

ssize_t copy_file_range(int in, off64_t *from, int fd, off64_t *to, size_t n, unsigned flags) {
    NEXT(copy_file_range);
    int what = counted_fd("write", fd);
    return what == 1 ? -1 : next(in, from, fd, to, what == 2 ? n / 2 : n, flags);
}

static int written(FILE *file) {
    int fd = fileno(file), kept = errno;
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    errno = kept;
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY ? fd : -1;
}

size_t fwrite(const void *from, size_t size, size_t n, FILE *file) {
    NEXT(fwrite);
    int fd = control && control->mode != OFF ? written(file) : -1;
    int what = fd < 0 ? 0 : counted_fd("write", fd);
    if (what == 1) return 0;
    if (what != 2) return next(from, size, n, file);
    size_t done = next(from, size, n / 2, file);
    fflush(file);
    end_if_killing();
    return done;
}

int fclose(FILE *file) {
    NEXT(fclose);
    int fd = control && control->mode != OFF ? written(file) : -1;
    int failed = fd >= 0 && counted_fd("close", fd) == 1, error = errno;
    int status = next(file);
    return failed ? errno = error, EOF : status;
}

#define OF_PATH(name, call, at, path, declared, given) \
    int name declared { \
        NEXT(name); \
        return counted(call, at, path) == 1 ? -1 : next given; \
    }
OF_PATH(rename, "rename", AT_FDCWD, to, (const char *from, const char *to), (from, to))
OF_PATH(renameat, "rename", there, to, (int here, const char *from, int there, const char *to), (here, from, there, to))
OF_PATH(renameat2, "rename", there, to, (int here, const char *from, int there, const char *to, unsigned flags),
        (here, from, there, to, flags))
OF_PATH(unlink, "unlink", AT_FDCWD, path, (const char *path), (path))
OF_PATH(unlinkat, "unlink", folder, path, (int folder, const char *path, int flags), (folder, path, flags))
OF_PATH(rmdir, "unlink", AT_FDCWD, path, (const char *path), (path))
OF_PATH(mkdir, "mkdir", AT_FDCWD, path, (const char *path, mode_t bits), (path, bits))
OF_PATH(mkdirat, "mkdir", folder, path, (int folder, const char *path, mode_t bits), (folder, path, bits))
OF_PATH(link, "link", AT_FDCWD, to, (const char *from, const char *to), (from, to))
OF_PATH(linkat, "link", there, to, (int here, const char *from, int there, const char *to, int flags),
        (here, from, there, to, flags))
OF_PATH(symlink, "link", AT_FDCWD, to, (const char *from, const char *to), (from, to))
