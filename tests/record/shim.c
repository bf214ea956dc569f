/* Preloaded into the daemon: forcing a file to the disk whose path holds the words of SYNC_FAILS_AT
 * (default: those of the ledger) fails with EIO for as long as the file named by SYNC_FAILS exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd)
{
    const char *flag = getenv("SYNC_FAILS");
    char link[64], path[4096];
    if (!flag || access(flag, F_OK) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0)
        return 0;
    path[len] = 0;
    const char *at = getenv("SYNC_FAILS_AT");
    return strstr(path, at ? at : "/ledger/") != NULL;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (fails(fd)) {
        errno = EIO;
        return -1;
    }
    if (!real)
        real = dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}

int fsync(int fd)
{
    static int (*real)(int);
    if (fails(fd)) {
        errno = EIO;
        return -1;
    }
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
