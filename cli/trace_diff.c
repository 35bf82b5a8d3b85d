/* SPDX-License-Identifier: MIT */
/* Reads two captures and shows what trace/diff.c finds. Called by cli/trace.c. */
#include "cli/trace_diff.h"
#include "cli/trace_source.h"
#include "trace/diff.h"

#include <stdio.h>

/* A view_write_fn. */
static int
put(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    return fwrite(p, 1, n, stdout) == n ? 0 : -1;
}

/* The exit status; a damaged file counts as far as it goes. */
static int
read_side(struct diff *d, unsigned side, const struct trace_source_options *o)
{
    struct failure why = { "" };
    struct trace_source *source = estab_trace_source_open(o, &why);
    struct capture_packet packet;
    int got = -1, status = 0;

    while (source != NULL && status == 0 &&
           (got = estab_trace_source_next(source, &packet, &why)) > 0)
        if (!estab_diff_take(d, side, &packet)) {
            (void)estab_fail(&why, "out of memory");
            status = 1;
        }
    if (got < 0)
        status = 1;
    if (status != 0)
        fprintf(stderr, "estab trace: %.200s: %s\n", o->file, why.text);
    if (source != NULL)
        estab_trace_source_close(source);
    return status;
}

int
estab_trace_diff(const char *a, const char *b, const char *filter, unsigned lines)
{
    const char *const name[2] = { a, b };
    struct diff *d = estab_diff_new();
    int status = 0;

    if (d == NULL) {
        fprintf(stderr, "estab trace: out of memory\n");
        return 1;
    }
    for (unsigned side = 0; side < 2; side++) {
        const struct trace_source_options o = { .file = name[side], .filter = filter };

        status |= read_side(d, side, &o);
    }
    (void)estab_diff_match(d);
    if (estab_diff_write(d, name, lines, put, NULL) < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "estab trace: cannot write to standard output\n");
        status = 1;
    }
    estab_diff_free(d);
    return status;
}
