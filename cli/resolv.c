/* SPDX-License-Identifier: MIT */
/* resolv.conf and hosts; see resolv.h. */
#include "cli/resolv.h"
#include "cli/numbers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
estab_is_host_name(const char *text)
{
    struct estab_addr addr;
    struct estab_name name;
    size_t len = strlen(text), last;

    if (estab_addr_parse(&addr, text) == 0 || !estab_name_parse(&name, text) || name.len <= 1)
        return false;
    if (text[len - 1] == '.')
        len--;
    for (last = len; last > 0 && text[last - 1] != '.'; last--)
        ;
    return strspn(text + last, "0123456789") < len - last;
}

/* The next word of a line, of at most `cap` - 1 characters; longer ones come out empty. False: the
 * line, or what counts of it, is over. */
static bool
next_word(const char **at, char *word, size_t cap)
{
    size_t len;

    *at += strspn(*at, " \t\r");
    len = strcspn(*at, " \t\r\n#;");
    if (len == 0)
        return false;
    word[0] = '\0';
    if (len < cap) {
        memcpy(word, *at, len);
        word[len] = '\0';
    }
    *at += len;
    return true;
}

static const char *
next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at == '\n' ? at + 1 : at;
}

static void
take_server(struct estab_resolver_config *cfg, const char *word, unsigned *left_out)
{
    struct estab_addr addr;

    if (cfg->n_servers == ESTAB_RESOLVER_SERVERS || estab_addr_parse(&addr, word) < 0 ||
        estab_addr_is_any(&addr) || estab_addr_is_multicast(&addr))
        return;
    if (estab_addr_is_loopback(&addr))
        (*left_out)++;
    else
        cfg->servers[cfg->n_servers++] = (struct estab_endpoint){ addr, 53 };
}

static void
take_option(struct estab_resolver_config *cfg, const char *word)
{
    uint64_t n;

    if (strncmp(word, "ndots:", 6) == 0 && estab_parse_number(word + 6, 0, 15, &n))
        cfg->ndots = (unsigned)n;
    else if (strncmp(word, "timeout:", 8) == 0 && estab_parse_number(word + 8, 1, 30, &n))
        cfg->timeout = ESTAB_SEC((estab_time)n);
    else if (strncmp(word, "attempts:", 9) == 0 && estab_parse_number(word + 9, 1, 5, &n))
        cfg->attempts = (unsigned)n;
}

void
estab_resolv_parse(struct estab_resolver_config *cfg, const char *text, unsigned *left_out)
{
    char word[256];

    *left_out = 0;
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        const char *at = line;
        bool search;

        if (!next_word(&at, word, sizeof word))
            continue;
        search = strcmp(word, "search") == 0 || strcmp(word, "domain") == 0;
        if (strcmp(word, "nameserver") == 0 && next_word(&at, word, sizeof word)) {
            take_server(cfg, word, left_out);
        } else if (search) { /* the last such line counts */
            cfg->n_search = 0;
            while (next_word(&at, word, sizeof word))
                if (cfg->n_search < ESTAB_RESOLVER_SEARCH && strcmp(word, ".") != 0 &&
                    estab_name_parse(&cfg->search[cfg->n_search], word))
                    cfg->n_search++;
        } else if (strcmp(word, "options") == 0) {
            while (next_word(&at, word, sizeof word))
                take_option(cfg, word);
        }
    }
}

int
estab_hosts_parse(struct estab_host_entry **table, size_t *n, const char *text)
{
    struct estab_host_entry *all = NULL;
    size_t cap = 0;
    char word[256];

    *n = 0;
    *table = NULL;
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        const char *at = line;
        struct estab_addr addr;

        if (!next_word(&at, word, sizeof word) || estab_addr_parse(&addr, word) < 0)
            continue;
        while (*n < HOSTS_MAX && next_word(&at, word, sizeof word)) {
            if (*n == cap) {
                size_t more = cap == 0 ? 16 : 2 * cap;
                void *moved = realloc(all, more * sizeof *all);

                if (moved == NULL) {
                    free(all);
                    return -1;
                }
                all = moved;
                cap = more;
            }
            all[*n].addr = addr;
            if (estab_name_parse(&all[*n].name, word))
                (*n)++;
        }
    }
    *table = all;
    return 0;
}

char *
estab_read_text(const char *path, struct failure *why)
{
    FILE *f = fopen(path, "re");
    char *text;
    size_t len;
    bool bad;

    if (f == NULL) {
        estab_fail(why, "cannot read %.200s: %s", path, strerror(errno));
        return NULL;
    }
    text = malloc(RESOLV_FILE_MAX + 1);
    if (text == NULL) {
        fclose(f);
        estab_fail(why, "out of memory");
        return NULL;
    }
    len = fread(text, 1, RESOLV_FILE_MAX + 1, f);
    bad = ferror(f) != 0;
    fclose(f);
    if (bad || len > RESOLV_FILE_MAX) {
        estab_fail(why, "cannot read %.200s: %s", path,
                   bad ? strerror(errno) : "longer than 1 MiB");
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}
