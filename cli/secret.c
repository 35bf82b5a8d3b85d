/* SPDX-License-Identifier: MIT */
/* A secret in a file; see secret.h. */
#include "cli/secret.h"
#include "drivers/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 2 * 32 + 1 };

static int
digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int
estab_secret_parse(uint8_t secret[32], const uint8_t *text, size_t len, struct failure *why)
{
    static const uint8_t none[32];

    if (len == TEXT && text[TEXT - 1] == '\n')
        len--;
    if (len == 32) {
        memcpy(secret, text, 32);
    } else if (len == 64) {
        for (unsigned i = 0; i < 32; i++) {
            int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

            if (high < 0 || low < 0)
                return estab_fail(why, "neither 32 octets nor 64 hexadecimal digits");
            secret[i] = (uint8_t)(high << 4 | low);
        }
    } else {
        return estab_fail(why, "neither 32 octets nor 64 hexadecimal digits");
    }
    return memcmp(secret, none, 32) != 0 ? 0 : estab_fail(why, "nothing but zeros is no secret");
}

static int
read_secret(uint8_t secret[32], int fd, struct failure *why)
{
    uint8_t text[TEXT + 1];
    struct stat st;
    size_t len = 0;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return estab_fail(why, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return estab_fail(why, "not a file");
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return estab_fail(why, "belongs to another user");
    if ((st.st_mode & 077) != 0)
        return estab_fail(why, "others may look into it: chmod 600");
    while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) != 0) {
        if (n < 0)
            return estab_fail(why, "%s", strerror(errno));
        len += (size_t)n;
    }
    return estab_secret_parse(secret, text, len, why);
}

static int
write_secret(const uint8_t secret[32], int fd, struct failure *why)
{
    char text[TEXT + 1];

    for (unsigned i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", secret[i]);
    text[TEXT - 1] = '\n';
    if (write(fd, text, TEXT) != TEXT || fsync(fd) < 0)
        return estab_fail(why, "cannot be written: %s", strerror(errno));
    return 0;
}

/* It gets its name when it is whole, and only if nobody else has made one meanwhile: two hosts that
 * start at the same time have the same. 0, or 1: there is one now. */
static int
make_secret(uint8_t secret[32], const char *path, struct failure *why)
{
    char temporary[4096];
    int fd, result;
    bool taken;

    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return estab_fail(why, "longer than a name can be");
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return estab_fail(why, "cannot be made: %s", strerror(errno));
    result = estab_random_secret(secret, why);
    if (result == 0)
        result = write_secret(secret, fd, why);
    close(fd);
    if (result == 0 && link(temporary, path) < 0) {
        taken = errno == EEXIST;
        result = taken ? 1 : estab_fail(why, "cannot be made: %s", strerror(errno));
    }
    unlink(temporary);
    return result;
}

int
estab_secret_load(uint8_t secret[32], const char *path, struct failure *why)
{
    struct failure wrong = { "it comes and goes" };
    int fd, result = -1;

    for (unsigned tries = 0; tries < 2; tries++) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd >= 0) {
            result = read_secret(secret, fd, &wrong);
            close(fd);
            break;
        }
        if (errno != ENOENT) {
            estab_fail(&wrong, "%s", strerror(errno));
            break;
        }
        result = make_secret(secret, path, &wrong);
        if (result <= 0)
            break;
    }
    return result == 0 ? 0 : estab_fail(why, "--secret %.200s: %.200s", path, wrong.text);
}
