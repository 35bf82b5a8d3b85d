/* SPDX-License-Identifier: MIT */
/*
 * main() for a fuzz target that is not linked with libFuzzer: replays every file of the given
 * corpus directories, then a bounded burst of mutations of them. The burst is a function of the
 * seed, so a failure repeats; the input that failed is left in the current directory.
 *
 *   tcp_options_fuzz [-runs=N] [-seconds=N] [-seed=N] [DIRECTORY | FILE]...
 *
 * The same target under libFuzzer, guided by coverage: make fuzz.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define MAX_FILES 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
/* A target's own, which calls the former and repairs what a blind change has broken. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
    __attribute__((weak));
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
    uint8_t *data;
    size_t size;
};

static struct input corpus[MAX_FILES];
static size_t n_corpus;

static const uint8_t *current;
static size_t current_size;
static char crash_path[512];

static void
save_current(void)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    size_t done = 0;

    if (fd < 0)
        return;
    while (done < current_size) {
        ssize_t n = write(fd, current + done, current_size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    close(fd);
    if (write(2, "\nthe input is in ", 17) < 0 || write(2, crash_path, strlen(crash_path)) < 0 ||
        write(2, "\n", 1) < 0)
        return;
}

static void
on_signal(int sig)
{
    save_current();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void
run(const uint8_t *data, size_t size)
{
    /* An exact copy on the heap, so that a sanitizer sees a read one byte past the end. */
    uint8_t *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, data, size);
    current = copy;
    current_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void
load_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);

    if (f == NULL || data == NULL) {
        perror(path);
        exit(1);
    }
    if (n_corpus < MAX_FILES)
        corpus[n_corpus++] = (struct input){ data, fread(data, 1, INPUT_MAX, f) };
    fclose(f);
}

static int
is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void
load(const char *path)
{
    struct dirent **entries;
    struct stat st;
    char name[4096];
    int n;

    if (stat(path, &st) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(st.st_mode)) {
        load_file(path);
        return;
    }
    n = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
            load_file(name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

/* SplitMix64. */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static size_t
below(uint64_t *state, size_t n)
{
    return n == 0 ? 0 : (size_t)(next_random(state) % n);
}

static size_t
mutate(uint8_t *buf, size_t size, size_t max, uint64_t *r)
{
    static const uint8_t edges[] = { 0,    1,    2,    4,    5,    8,    0x0f,
                                     0x10, 0x40, 0x45, 0x7f, 0x80, 0xfe, 0xff };
    size_t n = 1 + below(r, 6);

    while (n-- > 0) {
        size_t at = below(r, size), len = 1 + below(r, 16);

        switch (below(r, 7)) {
        case 0: /* flip a bit */
            if (size > 0)
                buf[at] ^= (uint8_t)(1U << below(r, 8));
            break;
        case 1: /* a random byte */
            if (size > 0)
                buf[at] = (uint8_t)next_random(r);
            break;
        case 2: /* a byte at the edge of something */
            if (size > 0)
                buf[at] = edges[below(r, sizeof edges)];
            break;
        case 3: /* cut the tail */
            size = below(r, size + 1);
            break;
        case 4: /* add random bytes */
            for (; len > 0 && size < max; len--)
                buf[size++] = (uint8_t)next_random(r);
            break;
        case 5: /* take a run of bytes out */
            if (size > len && at + len < size) {
                memmove(buf + at, buf + at + len, size - at - len);
                size -= len;
            }
            break;
        default: /* say a run of bytes twice */
            if (size > 0 && at + len <= size && size + len <= max) {
                memmove(buf + at + len, buf + at, size - at);
                size += len;
            }
            break;
        }
    }
    return size;
}

static uint64_t state = 1;

size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
    return mutate(data, size, max, &state);
}

int
main(int argc, char **argv)
{
    static const int fatal[] = { SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
    static uint8_t buf[INPUT_MAX];
    const char *name = strrchr(argv[0], '/');
    size_t runs = 20000, done = 0;
    time_t seconds = 10, end;

    snprintf(crash_path, sizeof crash_path, "crash-%s", name != NULL ? name + 1 : argv[0]);
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = (size_t)strtoull(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "-seconds=", 9) == 0)
            seconds = (time_t)strtoll(argv[i] + 9, NULL, 10);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            state = strtoull(argv[i] + 6, NULL, 10);
        else
            load(argv[i]);
    }
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(save_current);
    else
        for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
            signal(fatal[i], on_signal);

    run(buf, 0);
    for (size_t i = 0; i < n_corpus; i++)
        run(corpus[i].data, corpus[i].size);
    end = time(NULL) + seconds;
    for (; done < runs && time(NULL) < end; done++) {
        size_t size = 0;

        if (n_corpus > 0 && below(&state, 16) != 0) {
            const struct input *in = &corpus[below(&state, n_corpus)];
            size = in->size;
            memcpy(buf, in->data, size);
        }
        if (LLVMFuzzerCustomMutator != NULL)
            size = LLVMFuzzerCustomMutator(buf, size, INPUT_MAX, (unsigned)next_random(&state));
        else
            size = LLVMFuzzerMutate(buf, size, INPUT_MAX);
        run(buf, size);
    }
    printf("%zu files, %zu mutations\n", n_corpus, done);
    for (size_t i = 0; i < n_corpus; i++)
        free(corpus[i].data);
    return 0;
}
