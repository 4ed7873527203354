/* Makes the Nth call on files of a directory fail, or ends the process at it.
 *
 * It is loaded before the C library (LD_PRELOAD) and stands in for the calls that change files. The
 * calls below the directory are counted; at the one that was asked for the fault happens.
 *
 * POSTERN_FAULT_UNDER  the directory, an absolute path without symbolic links
 * POSTERN_FAULT_CALLS  which calls count: the names of `names`, separated by commas
 * POSTERN_FAULT_HOW    eio, enospc, erofs, eintr, short (half is written, and so it says), kill, torn (half is
 *                      written, then the process is killed)
 * POSTERN_FAULT_AT     the first call that fails, from 1 on; 0 only counts
 * POSTERN_FAULT_FOR    how many calls fail from there on; 0 is all of them
 * POSTERN_FAULT_TELL   a file of `struct tell` that tells what has happened, also after a kill
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
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { WRITE, SYNC, RENAME, OPEN, TRUNCATE, UNLINK, MKDIR, READ, CALLS };
static const char *const names[CALLS] = {"write",    "sync",   "rename", "open",
                                         "truncate", "unlink", "mkdir",  "read"};
enum how { NOTHING, FAIL, SHORT, KILL, TORN };

struct tell {
    uint64_t calls;
    uint64_t fired;
    uint64_t call; /* which of `names` fired first */
    char path[1000];
};

static struct tell unheard;
static struct tell *tell = &unheard;
static const char *under = NULL;
static size_t under_length;
static unsigned mask;
static enum how how = NOTHING;
static int failure = EIO;
static uint64_t at, count = 1;

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static int real_open(const char *path, int flags, mode_t mode) {
    static int (*next)(const char *, int, ...);
    if (!next)
        next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return next(path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *calls = getenv("POSTERN_FAULT_CALLS");
    const char *manner = getenv("POSTERN_FAULT_HOW");
    const char *file = getenv("POSTERN_FAULT_TELL");
    const char *directory = getenv("POSTERN_FAULT_UNDER");
    if (!calls || !manner || !file || !directory)
        return;
    for (unsigned call = 0; call < CALLS; call++)
        if (strstr(calls, names[call]))
            mask |= 1u << call;
    at = number("POSTERN_FAULT_AT", 0);
    count = number("POSTERN_FAULT_FOR", 1);
    static const struct {
        const char *name;
        int failure;
    } failures[] = {{"eio", EIO}, {"enospc", ENOSPC}, {"erofs", EROFS}, {"eintr", EINTR}};
    for (unsigned which = 0; which < sizeof failures / sizeof *failures; which++)
        if (!strcmp(manner, failures[which].name)) {
            how = FAIL;
            failure = failures[which].failure;
        }
    if (!strcmp(manner, "short"))
        how = SHORT;
    else if (!strcmp(manner, "kill"))
        how = KILL;
    else if (!strcmp(manner, "torn"))
        how = TORN;
    int descriptor = real_open(file, O_RDWR, 0);
    if (descriptor >= 0) {
        void *page = mmap(NULL, sizeof(struct tell), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (page != MAP_FAILED)
            tell = page;
        close(descriptor);
    }
    under_length = strlen(directory);
    under = directory;
}

static int is_under(const char *path) {
    return !strncmp(path, under, under_length) && (path[under_length] == '/' || !path[under_length]);
}

_Noreturn static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Counts a call on `path`, and says what is to become of it. */
static enum how ask(enum call call, const char *path) {
    if (!under || !(mask & 1u << call) || !is_under(path))
        return NOTHING;
    uint64_t here = __atomic_add_fetch(&tell->calls, 1, __ATOMIC_SEQ_CST);
    if (!at || here < at || (count && here >= at + count))
        return NOTHING;
    if (__atomic_fetch_add(&tell->fired, 1, __ATOMIC_SEQ_CST) == 0) {
        tell->call = call;
        snprintf(tell->path, sizeof tell->path, "%s", path);
    }
    if (how == KILL)
        die();
    if (how == FAIL)
        errno = failure;
    return how;
}

/* What lies behind a descriptor. */
static int path_of(int descriptor, char *path, size_t size) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, size - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

static enum how ask_descriptor(enum call call, int descriptor) {
    char path[PATH_MAX];
    int before = errno;
    if (!under || !(mask & 1u << call) || !path_of(descriptor, path, sizeof path))
        return NOTHING;
    errno = before;
    return ask(call, path);
}

static enum how ask_at(enum call call, int directory, const char *name) {
    char path[2 * PATH_MAX];
    if (!under || name[0] == '/')
        return ask(call, name);
    if (directory == AT_FDCWD || !path_of(directory, path, PATH_MAX))
        return NOTHING;
    size_t length = strlen(path);
    snprintf(path + length, sizeof path - length, "/%s", name);
    return ask(call, path);
}

#define NEXT(type, name, ...)                                                                      \
    static type (*next)(__VA_ARGS__);                                                              \
    if (!next)                                                                                     \
        next = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* Of `size` octets half are written, at least one of several. */
#define HALF(size) ((size) / 2 + ((size) == 1))

ssize_t write(int descriptor, const void *octets, size_t size) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    switch (ask_descriptor(WRITE, descriptor)) {
    case FAIL:
        return -1;
    case SHORT:
        return next(descriptor, octets, HALF(size));
    case TORN:
        next(descriptor, octets, size / 2);
        die();
    default:
        return next(descriptor, octets, size);
    }
}

static ssize_t write_at(const char *name, int descriptor, const void *octets, size_t size, off_t to) {
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
    switch (ask_descriptor(WRITE, descriptor)) {
    case FAIL:
        return -1;
    case SHORT:
        return next(descriptor, octets, HALF(size), to);
    case TORN:
        next(descriptor, octets, size / 2, to);
        die();
    default:
        return next(descriptor, octets, size, to);
    }
}
ssize_t pwrite(int descriptor, const void *octets, size_t size, off_t to) {
    return write_at("pwrite", descriptor, octets, size, to);
}
ssize_t pwrite64(int descriptor, const void *octets, size_t size, off64_t to) {
    return write_at("pwrite64", descriptor, octets, size, to);
}

ssize_t writev(int descriptor, const struct iovec *pieces, int amount) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    switch (ask_descriptor(WRITE, descriptor)) {
    case FAIL:
        return -1;
    case SHORT:
        return amount > 1 ? next(descriptor, pieces, amount / 2)
                          : write(descriptor, pieces[0].iov_base, HALF(pieces[0].iov_len));
    case TORN:
        next(descriptor, pieces, amount / 2);
        die();
    default:
        return next(descriptor, pieces, amount);
    }
}

#define ON_DESCRIPTOR(name, call)                                                                  \
    int name(int descriptor) {                                                                     \
        NEXT(int, #name, int);                                                                     \
        return ask_descriptor(call, descriptor) == FAIL ? -1 : next(descriptor);                   \
    }
ON_DESCRIPTOR(fsync, SYNC)
ON_DESCRIPTOR(fdatasync, SYNC)

int ftruncate(int descriptor, off_t size) {
    NEXT(int, "ftruncate", int, off_t);
    return ask_descriptor(TRUNCATE, descriptor) == FAIL ? -1 : next(descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) {
    NEXT(int, "ftruncate64", int, off64_t);
    return ask_descriptor(TRUNCATE, descriptor) == FAIL ? -1 : next(descriptor, size);
}
int fallocate64(int descriptor, int mode, off64_t from, off64_t size) {
    NEXT(int, "fallocate64", int, int, off64_t, off64_t);
    return ask_descriptor(TRUNCATE, descriptor) == FAIL ? -1 : next(descriptor, mode, from, size);
}

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    return ask(RENAME, to) == FAIL ? -1 : next(from, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    NEXT(int, "renameat2", int, const char *, int, const char *, unsigned);
    return ask_at(RENAME, b, to) == FAIL ? -1 : next(a, from, b, to, flags);
}

int unlink(const char *path) {
    NEXT(int, "unlink", const char *);
    return ask(UNLINK, path) == FAIL ? -1 : next(path);
}
int rmdir(const char *path) {
    NEXT(int, "rmdir", const char *);
    return ask(UNLINK, path) == FAIL ? -1 : next(path);
}
int unlinkat(int directory, const char *path, int flags) {
    NEXT(int, "unlinkat", int, const char *, int);
    return ask_at(UNLINK, directory, path) == FAIL ? -1 : next(directory, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    NEXT(int, "mkdir", const char *, mode_t);
    return ask(MKDIR, path) == FAIL ? -1 : next(path, mode);
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}
#define OPENS(name)                                                                                \
    int name(const char *path, int flags, ...) {                                                   \
        NEXT(int, #name, const char *, int, ...);                                                  \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_of(flags, rest);                                                        \
        va_end(rest);                                                                              \
        return ask(OPEN, path) == FAIL ? -1 : next(path, flags, mode);                             \
    }
OPENS(open)
OPENS(open64)
#define OPENS_AT(name)                                                                             \
    int name(int directory, const char *path, int flags, ...) {                                    \
        NEXT(int, #name, int, const char *, int, ...);                                             \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_of(flags, rest);                                                        \
        va_end(rest);                                                                              \
        return ask_at(OPEN, directory, path) == FAIL ? -1 : next(directory, path, flags, mode);    \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t read(int descriptor, void *octets, size_t size) {
    NEXT(ssize_t, "read", int, void *, size_t);
    return ask_descriptor(READ, descriptor) == FAIL ? -1 : next(descriptor, octets, size);
}
ssize_t pread64(int descriptor, void *octets, size_t size, off64_t from) {
    NEXT(ssize_t, "pread64", int, void *, size_t, off64_t);
    return ask_descriptor(READ, descriptor) == FAIL ? -1 : next(descriptor, octets, size, from);
}
