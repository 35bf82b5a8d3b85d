/* SPDX-License-Identifier: MIT */
/* See side.h. A ladder is cut into blocks, each of which begins with a line that tells the time. */
#include "lab/side.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

struct block {
    const char *at, *end;
    int64_t time; /* in microseconds; the first block has none: -1 */
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "  12.050000  " at the start of a line, in microseconds; -1: no time stands there. */
static int64_t
time_of(const char *line)
{
    int64_t t = 0, unit = 100000;

    while (*line == ' ')
        line++;
    if (!is_digit(*line))
        return -1;
    for (; is_digit(*line); line++)
        t = t < INT64_MAX / 100000000 ? 10 * t + (*line - '0') : t;
    if (*line != '.')
        return -1;
    t *= 1000000;
    for (line++; is_digit(*line); line++, unit /= 10)
        t += (*line - '0') * unit;
    return t;
}

/* The line that closes a ladder; one like it opens it, before any time is told. */
static bool
is_rule(const char *line)
{
    return strncmp(line, "\xe2\x94\x80", 3) == 0 || strncmp(line, "--", 2) == 0;
}

static const char *
next_line(const char *at)
{
    const char *stop = strchr(at, '\n');

    return stop != NULL ? stop + 1 : at + strlen(at);
}

/* The block that begins at `at`: up to the next line with a later time, or the line that closes the
 * ladder. */
static struct block
block_at(const char *at)
{
    struct block b = { .at = at, .end = next_line(at), .time = time_of(at) };

    if (is_rule(at))
        b.time = INT64_MAX;
    while (*b.end != '\0') {
        int64_t t = time_of(b.end);

        if ((t >= 0 && t != b.time) || (is_rule(b.end) && b.time >= 0 && b.time != INT64_MAX))
            break;
        b.end = next_line(b.end);
    }
    return b;
}

/* Code points that take two columns: Chinese, Japanese and Korean ones and their punctuation. */
static bool
is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60);
}

/* Writes a line without its end, and spaces up to `width` columns; where the next one begins. */
static const char *
put_line(FILE *to, const char *at, const char *end, unsigned width)
{
    unsigned columns = 0;

    while (at < end && *at != '\n') {
        unsigned char c = (unsigned char)*at;
        unsigned len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        uint32_t code = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0xfu : c & 7u;

        if (c == '\033') { /* a colour */
            while (at < end && *at != 'm' && *at != '\n')
                fputc(*at++, to);
            continue;
        }
        for (unsigned i = 1; i < len && at + i < end; i++)
            code = code << 6 | ((unsigned char)at[i] & 0x3fu);
        for (unsigned i = 0; i < len && at < end; i++)
            fputc(*at++, to);
        if (c >= 0x20)
            columns += is_wide(code) ? 2 : 1;
    }
    for (; columns < width; columns++)
        fputc(' ', to);
    return at < end ? at + 1 : at;
}

static void
put_blocks(FILE *to, struct block left, struct block right, unsigned width, bool ascii)
{
    while (left.at < left.end || right.at < right.end) {
        left.at = put_line(to, left.at, left.end, width);
        fputs(ascii ? " | " : " \xe2\x94\x82 ", to);
        right.at = put_line(to, right.at, right.end, 0);
        fputc('\n', to);
    }
}

void
lab_side(FILE *to, const char *left, const char *right, unsigned width, bool ascii)
{
    while (*left != '\0' || *right != '\0') {
        struct block l = block_at(left), r = block_at(right);
        bool takes_left = *right == '\0' || (*left != '\0' && l.time <= r.time);
        bool takes_right = *left == '\0' || (*right != '\0' && r.time <= l.time);

        if (!takes_left)
            l.end = l.at;
        if (!takes_right)
            r.end = r.at;
        put_blocks(to, l, r, width, ascii);
        left = l.end;
        right = r.end;
    }
}
