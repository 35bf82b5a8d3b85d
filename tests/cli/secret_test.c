/* SPDX-License-Identifier: MIT */
/* A secret in a file (cli/secret.h): made once, read again, and nobody else's. */
#include "cli/secret.h"
#include "estab/estab.h"
#include "harness/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/estab-secret-XXXXXX";
static char path[64];

static void
begin(void)
{
    strcpy(directory, "/tmp/estab-secret-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/secret", directory);
}

static void
end(void)
{
    unlink(path);
    assert_int_equal(rmdir(directory), 0); /* nothing else was left */
}

static void
write_file(const void *octets, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void
refused(const char *word)
{
    struct failure why = { "" };
    uint8_t secret[32];

    assert_int_equal(estab_secret_load(secret, path, &why), -1);
    if (strstr(why.text, word) == NULL || strstr(why.text, path) == NULL)
        fail_msg("'%s' does not say '%s'", why.text, word);
}

TEST(a_secret_is_made_once_and_then_the_same)
{
    uint8_t one[32], two[32], other[32];
    struct failure why;
    struct stat st;

    begin();
    assert_int_equal(estab_secret_load(one, path, &why), 0);
    assert_int_equal(estab_secret_load(two, path, &why), 0);
    assert_memory_equal(one, two, 32);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    unlink(path);
    assert_int_equal(estab_secret_load(other, path, &why), 0);
    assert_memory_not_equal(one, other, 32);
    end();
}

TEST(a_secret_is_octets_or_digits)
{
    uint8_t raw[32], secret[32];
    char text[70];
    struct failure why;

    begin();
    for (unsigned i = 0; i < 32; i++) {
        raw[i] = (uint8_t)(200 + i);
        snprintf(text + 2 * i, 3, i % 2 ? "%02x" : "%02X", raw[i]);
    }
    write_file(raw, 32, 0600);
    assert_int_equal(estab_secret_load(secret, path, &why), 0);
    assert_memory_equal(secret, raw, 32);
    for (unsigned newline = 0; newline < 2; newline++) {
        text[64] = '\n';
        memset(secret, 0, 32);
        write_file(text, 64 + newline, 0400);
        assert_int_equal(estab_secret_load(secret, path, &why), 0);
        assert_memory_equal(secret, raw, 32);
    }
    end();
}

TEST(what_is_no_secret_is_refused_and_left_alone)
{
    char text[100];
    uint8_t zeros[32] = { 0 };

    begin();
    memset(text, 'a', sizeof text);
    for (size_t len = 0; len < sizeof text; len++) {
        if (len == 32 || len == 64)
            continue;
        write_file(text, len, 0600);
        refused("neither 32 octets nor 64");
    }
    text[63] = 'g';
    write_file(text, 64, 0600);
    refused("neither 32 octets nor 64");
    write_file(zeros, 32, 0600);
    refused("zeros");
    for (mode_t mode = 01; mode <= 040; mode <<= 1) {
        write_file(text, 32, 0600 | mode);
        refused("others may look into it");
    }
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refused("not a file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* does not wait for a writer */
    refused("not a file");
    end();
    refused("cannot be made"); /* there is no such directory */
}

/* IEEE 802: a station's, locally administered; by secret and name, and no part of the secret. */
TEST(a_hardware_address_is_made_of_a_secret)
{
    uint8_t secret[32], a[6], b[6];

    for (unsigned i = 0; i < 200; i++) {
        memset(secret, (int)i + 1, 32);
        estab_link_make_mac(a, secret, "eth0");
        estab_link_make_mac(b, secret, "eth0");
        assert_memory_equal(a, b, 6);
        assert_int_equal(a[0] & 3, 2);
        estab_link_make_mac(b, secret, "eth1");
        assert_memory_not_equal(a, b, 6);
        assert_memory_not_equal(a + 1, secret, 5);
        secret[31] ^= 1;
        estab_link_make_mac(b, secret, "eth0");
        assert_memory_not_equal(a, b, 6);
    }
}
