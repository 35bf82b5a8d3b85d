/* SPDX-License-Identifier: MIT */
/* Lines and fields of HTTP; see http_text.h. */
#include "cli/http_text.h"

#include <string.h>
#include <strings.h>

bool
estab_text_is(struct text t, const char *word)
{
    return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

bool
estab_text_is_nocase(struct text t, const char *word)
{
    return t.len == strlen(word) && strncasecmp(t.at, word, t.len) == 0;
}

static bool
is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool
estab_http_is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_letter_or_digit(t.at[i]) &&
            (t.at[i] == '\0' || strchr("!#$%&'*+-.^_`|~", t.at[i]) == NULL))
            return false;
    return t.len > 0;
}

bool
estab_http_next_line(struct text *rest, struct text *line)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    size_t used;

    if (end == NULL)
        return false;
    used = (size_t)(end - rest->at) + 1;
    *line = (struct text){ rest->at, used - 1 };
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    rest->at += used;
    rest->len -= used;
    return true;
}

size_t
estab_http_head_length(const char *text, size_t len, size_t from)
{
    /* The end is LF CR LF or LF LF: up to two octets of it may lie before `from`. */
    size_t i = from > 2 ? from - 2 : 0;

    while (i < len) {
        const char *lf = memchr(text + i, '\n', len - i);
        size_t next;

        if (lf == NULL)
            return 0;
        next = (size_t)(lf - text) + 1;
        if (next < len && text[next] == '\n')
            return next + 1;
        if (next + 1 < len && text[next] == '\r' && text[next + 1] == '\n')
            return next + 2;
        i = next;
    }
    return 0;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct text
trim(struct text t)
{
    while (t.len > 0 && is_blank(t.at[0])) {
        t.at++;
        t.len--;
    }
    while (t.len > 0 && is_blank(t.at[t.len - 1]))
        t.len--;
    return t;
}

bool
estab_http_parse_field(struct text line, struct http_field *field)
{
    const char *colon = line.len > 0 ? memchr(line.at, ':', line.len) : NULL;

    if (colon == NULL)
        return false;
    field->name = (struct text){ line.at, (size_t)(colon - line.at) };
    field->value = trim((struct text){ colon + 1, line.len - field->name.len - 1 });
    /* A token has no white space: neither before the colon nor, folded, at the start of the line. */
    if (!estab_http_is_token(field->name))
        return false;
    for (size_t i = 0; i < field->value.len; i++) {
        unsigned char c = (unsigned char)field->value.at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool
estab_http_list_has(struct text list, const char *token)
{
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t used = comma != NULL ? (size_t)(comma - list.at) : list.len;

        if (estab_text_is_nocase(trim((struct text){ list.at, used }), token))
            return true;
        if (comma == NULL)
            return false;
        list.at += used + 1;
        list.len -= used + 1;
    }
    return false;
}
