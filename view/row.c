/* SPDX-License-Identifier: MIT */
/* Rows of cells: UTF-8 in, UTF-8 or ASCII with or without ANSI colours out. See row.h. */
#include "view/row.h"

#include <string.h>

/* The next character of `len` octets (at least one) and how many it takes; '?' for what is none. */
static size_t
decode(const char *text, size_t len, uint32_t *ch)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n, i;
    uint32_t c;

    *ch = '?';
    if (s[0] < 0x80) {
        *ch = s[0] < 0x20 || s[0] == 0x7f ? '?' : s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] < 0xe0)
        n = 2;
    else if (s[0] >= 0xe0 && s[0] < 0xf0)
        n = 3;
    else if (s[0] >= 0xf0 && s[0] < 0xf5)
        n = 4;
    else
        return 1;
    c = s[0] & (0xffu >> (n + 1));
    for (i = 1; i < n; i++) {
        if (i >= len || (s[i] & 0xc0) != 0x80)
            return i;
        c = c << 6 | (s[i] & 0x3fu);
    }
    /* C1 controls would be obeyed by a terminal; overlong forms and surrogates are no characters. */
    if (c >= 0xa0 && !(n == 3 && c < 0x800) && !(n == 4 && c < 0x10000) && c < 0x110000 &&
        !(c >= 0xd800 && c < 0xe000))
        *ch = c;
    return n;
}

static size_t
encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Columns of a character: 2 for East Asian wide ones, 0 for combining marks and the like. */
static unsigned
columns(uint32_t c)
{
    if ((c >= 0x300 && c < 0x370) || (c >= 0x200b && c < 0x2010) || (c >= 0x2028 && c < 0x202f) ||
        (c >= 0x2060 && c < 0x2070) || (c >= 0xfe00 && c < 0xfe10) || c == 0xfeff || c == 0xad)
        return 0;
    if ((c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) || (c >= 0xac00 && c < 0xd7a4) ||
        (c >= 0xf900 && c < 0xfb00) || (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
        (c >= 0xffe0 && c < 0xffe7) || (c >= 0x1f300 && c < 0x1f650) ||
        (c >= 0x1f900 && c < 0x1fa00) || (c >= 0x20000 && c < 0x3fffe))
        return 2;
    return 1;
}

/* What stands for a character on a terminal that has only ASCII. */
static const char *
in_ascii(uint32_t c)
{
    static const struct {
        uint32_t ch;
        const char *text;
    } table[] = {
        { 0x2502, "|" },                    /* │ */
        { 0x251c, "|" },                    /* ├ */
        { 0x2524, "|" },                    /* ┤ */
        { 0x250a, ":" },                    /* ┊ */
        { 0x2500, "-" },                    /* ─ */
        { 0x254c, "." },                    /* ╌ */
        { 0x252c, "+" },                    /* ┬ */
        { 0x2534, "+" },                    /* ┴ */
        { 0x25b6, ">" },                    /* ▶ */
        { 0x25c0, "<" },                    /* ◀ */
        { 0x25b8, ">" },                    /* ▸ */
        { 0x25c2, "<" },                    /* ◂ */
        { 0x2573, "X" },                    /* ╳ */
        { 0x2026, "..." },                  /* … */
        { 0x2192, "->" },                   /* → */
        { 0x2190, "<-" },                   /* ← */
        { 0x2212, "-" },                    /* − */
        { 0x2013, "-" },                    /* – */
        { 0x00a0, " " },   { 0x00d7, "x" }, /* × */
        { 0x00b7, "," },                    /* · */
        { 0x00b5, "u" },                    /* µ */
        { 0x00a7, "s." },  /* § */ { 0x2018, "'" }, { 0x2019, "'" },
        { 0x201c, "\"" },  { 0x201d, "\"" },
    };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].ch == c)
            return table[i].text;
    return "?";
}

void
estab_row_clear(struct row *row)
{
    unsigned i;

    for (i = 0; i < row->width; i++)
        row->cell[i] = (struct cell){ .ch = ' ', .style = STYLE_PLAIN };
}

/* Half a wide character is none. */
static void
set(struct row *row, unsigned col, uint32_t ch, enum style style)
{
    if (row->cell[col].ch == 0 && ch != 0 && col > 0)
        row->cell[col - 1].ch = ' ';
    if (col + 1 < row->width && row->cell[col + 1].ch == 0)
        row->cell[col + 1].ch = ' ';
    row->cell[col] = (struct cell){ .ch = ch, .style = (uint8_t)style };
}

unsigned
estab_row_put_part(struct row *row, unsigned col, enum style style, const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        uint32_t ch;
        const char *s;
        unsigned w;

        at += decode(text + at, len - at, &ch);
        if (ch == 0xa0)
            ch = ' '; /* a space at which no row is broken */
        if (row->ascii && ch >= 0x80) {
            for (s = in_ascii(ch); *s != '\0' && col < row->width; s++)
                set(row, col++, (unsigned char)*s, style);
            continue;
        }
        w = columns(ch);
        if (w == 0)
            continue;
        if (col + w > row->width)
            break;
        set(row, col++, ch, style);
        if (w == 2)
            set(row, col++, 0, style);
    }
    return col;
}

unsigned
estab_row_put(struct row *row, unsigned col, enum style style, const char *text)
{
    return estab_row_put_part(row, col, style, text, strlen(text));
}

void
estab_row_fill(struct row *row, unsigned from, unsigned to, enum style style, const char *ch)
{
    while (from < to && from < row->width)
        from = estab_row_put(row, from, style, ch);
}

unsigned
estab_row_cells(const struct row *row, const char *text, size_t len)
{
    unsigned cells = 0;
    size_t at = 0;

    while (at < len) {
        uint32_t ch;

        at += decode(text + at, len - at, &ch);
        cells += row->ascii && ch >= 0x80 ? (unsigned)strlen(in_ascii(ch)) : columns(ch);
    }
    return cells;
}

size_t
estab_row_break(const struct row *row, const char *text, unsigned cells)
{
    size_t len = strlen(text), at = 0, good = 0;
    unsigned used = 0;
    bool was_wide = false;

    while (at < len) {
        uint32_t ch;
        size_t n = decode(text + at, len - at, &ch);
        unsigned w = estab_row_cells(row, text + at, n);
        bool is_wide = columns(ch) == 2;

        if (at > 0 && (ch == ' ' || is_wide || was_wide))
            good = at;
        if (used + w > cells && at > 0)
            return good > 0 ? good : at;
        used += w;
        at += n;
        was_wide = is_wide;
    }
    return len;
}

/* Basic colours only, so that light and dark terminals both show them as their owners chose. */
static const char *const sgr[STYLE_COUNT] = {
    [STYLE_PLAIN] = "",     [STYLE_DIM] = "2",     [STYLE_RULE] = "2",     [STYLE_BOLD] = "1",
    [STYLE_NAME] = "1",     [STYLE_CALL] = "1;34", [STYLE_STATE] = "1",    [STYLE_OPEN] = "1;32",
    [STYLE_DATA] = "36",    [STYLE_ACK] = "",      [STYLE_CLOSE] = "1;35", [STYLE_RESET] = "1;31",
    [STYLE_AGAIN] = "1;33", [STYLE_TAKEN] = "33",  [STYLE_GIVEN] = "32",   [STYLE_TIMER] = "34",
    [STYLE_REMARK] = "3",
};

static const char *
code_of(const struct row *row, const struct cell *cell)
{
    if (!row->colour || cell->style >= STYLE_COUNT || cell->ch == ' ')
        return "";
    return sgr[cell->style];
}

int
estab_row_write(const struct row *row, view_write_fn *write, void *ctx)
{
    char out[ROW_WIDTH_MAX * 16 + 8]; /* 4 + 10 octets a cell at most, and the end */
    const char *now = "", *code;
    size_t n = 0, len;
    unsigned i, end = row->width;

    while (end > 0 && row->cell[end - 1].ch == ' ')
        end--;
    for (i = 0; i < end; i++) {
        if (row->cell[i].ch == 0)
            continue;
        /* A space looks the same in every colour: do not change for it. */
        code = row->cell[i].ch == ' ' ? now : code_of(row, &row->cell[i]);
        if (strcmp(code, now) != 0) {
            if (now[0] != '\0') {
                memcpy(out + n, "\033[0m", 4);
                n += 4;
            }
            if (code[0] != '\0') {
                out[n++] = '\033';
                out[n++] = '[';
                len = strlen(code);
                memcpy(out + n, code, len);
                n += len;
                out[n++] = 'm';
            }
            now = code;
        }
        n += encode(row->cell[i].ch, out + n);
    }
    if (now[0] != '\0') {
        memcpy(out + n, "\033[0m", 4);
        n += 4;
    }
    out[n++] = '\n';
    return write(ctx, out, n);
}
