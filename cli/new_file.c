/* SPDX-License-Identifier: MIT */
/* A file that appears when it is whole; see new_file.h. */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ".name.estab-0123456789abcdef": hidden, beside the final name, never there before. */
static void
make_temporary_name(struct new_file *file)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof number, 0) < 0)
        number = (uint64_t)getpid();
    snprintf(file->temporary, sizeof file->temporary, ".%.200s.estab-%016llx", file->name,
             (unsigned long long)number);
}

static int
open_directory(struct new_file *file, const char *path, struct failure *why)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char directory[4096];

    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return estab_fail(why, "%s: names a directory, not a file", path);
    if (strlen(name) >= sizeof file->name || strlen(path) >= sizeof directory)
        return estab_fail(why, "%.200s...: %s", path, strerror(ENAMETOOLONG));
    strcpy(file->name, name);
    if (slash == NULL)
        strcpy(directory, ".");
    else
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path + 1), path);
    file->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file->directory < 0)
        return estab_fail(why, "%s: %s", path, strerror(errno));
    return 0;
}

int
estab_new_file_open(struct new_file *file, const char *path, struct failure *why)
{
    struct stat st;

    *file = (struct new_file){ .fd = -1, .directory = -1 };
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        if (S_ISDIR(st.st_mode))
            return estab_fail(why, "%s: %s", path, strerror(EISDIR));
        file->direct = true;
        file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return file->fd < 0 ? estab_fail(why, "%s: %s", path, strerror(errno)) : 0;
    }
    if (open_directory(file, path, why) < 0)
        return -1;
    file->fd = openat(file->directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        make_temporary_name(file);
        file->fd =
            openat(file->directory, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (file->fd < 0) {
        estab_fail(why, "%s: %s", path, strerror(errno));
        file->temporary[0] = '\0';
        estab_new_file_drop(file);
        return -1;
    }
    return 0;
}

int
estab_new_file_write(struct new_file *file, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t done = write(file->fd, at, n);

        if (done > 0) {
            at += done;
            n -= (size_t)done;
        } else if (done == 0 || errno != EINTR) {
            return done == 0 ? -EIO : -errno;
        }
    }
    return 0;
}

int
estab_new_file_keep(struct new_file *file, struct failure *why)
{
    char self[40];
    int fd = file->fd;

    if (file->direct) {
        file->fd = -1;
        return close(fd) < 0 ? estab_fail(why, "cannot write: %s", strerror(errno)) : 0;
    }
    /* linkat(2) replaces nothing, rename(2) does: so a nameless file gets a passing name first. */
    if (file->temporary[0] == '\0') {
        make_temporary_name(file);
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, self, file->directory, file->temporary, AT_SYMLINK_FOLLOW) < 0) {
            file->temporary[0] = '\0';
            return estab_fail(why, "%s: %s", file->name, strerror(errno));
        }
    }
    file->fd = -1;
    if (close(fd) < 0 ||
        renameat(file->directory, file->temporary, file->directory, file->name) < 0)
        return estab_fail(why, "%s: %s", file->name, strerror(errno));
    file->temporary[0] = '\0';
    return 0;
}

void
estab_new_file_drop(struct new_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    if (file->temporary[0] != '\0')
        unlinkat(file->directory, file->temporary, 0);
    file->temporary[0] = '\0';
    if (file->directory >= 0)
        close(file->directory);
    file->directory = -1;
}
