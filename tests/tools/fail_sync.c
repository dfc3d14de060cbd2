/* To be preloaded: while the file $FAIL_SYNC exists, fsync and fdatasync of this process fail, as those of a dying disk
 * do. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void)
{
    const char *switch_file = getenv("FAIL_SYNC");

    return switch_file && access(switch_file, F_OK) == 0;
}

static int sync_by(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

    if (real && !fails()) return real(fd);
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    return sync_by("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_by("fdatasync", fd);
}
