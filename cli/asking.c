/* SPDX-License-Identifier: MIT */
/* Asking a running host; see asking.h. */
#include "cli/asking.h"
#include "cli/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int
estab_ask_complain(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "estab %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

/* --- asking --- */

static int
connect_to(const char *command, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 2 * CONTROL_PATIENCE_S };
    int fd;

    if (strlen(path) >= sizeof at.sun_path) {
        estab_ask_complain(command, "%.200s: longer than a socket's name can be", path);
        return -1;
    }
    strcpy(at.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        estab_ask_complain(command, "%.200s: %s: is there an estab that runs with --control?", path,
                           strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

char *
estab_ask(const char *command, const char *path, const char *request)
{
    size_t len = 0, cap = CONTROL_ANSWER + 1024;
    int fd = connect_to(command, path);
    char *text, *last;
    ssize_t n;

    if (fd < 0)
        return NULL;
    text = malloc(cap + 1);
    if (text == NULL || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
        send(fd, "\n", 1, MSG_NOSIGNAL) < 0) {
        estab_ask_complain(command, "%.200s: cannot ask: %s", path, strerror(errno));
        close(fd);
        free(text);
        return NULL;
    }
    while (len < cap && (n = recv(fd, text + len, cap - len, 0)) > 0)
        len += (size_t)n;
    close(fd);
    text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n' && text[i] != '\t')
            text[i] = '?';
    last = len >= 2 && text[len - 1] == '\n' ? text + len - 1 : NULL;
    if (last != NULL) {
        *last = '\0';
        last = strrchr(text, '\n');
        last = last != NULL ? last + 1 : text;
    }
    if (last != NULL && strcmp(last, ".") == 0) {
        *last = '\0';
        return text;
    }
    if (last != NULL && *last == '!') {
        estab_ask_complain(command, "%s", last + 1);
        if (last != text) { /* what there is, is shown */
            *last = '\0';
            return text;
        }
    } else {
        estab_ask_complain(command, "%.200s: the answer is not whole", path);
    }
    free(text);
    return NULL;
}

bool
estab_ask_next(char **text, struct ask_record *r)
{
    char *line = strsep(text, "\n"), *part;

    r->n = 0;
    if (line == NULL || *line == '\0')
        return false;
    while ((part = strsep(&line, "\t")) != NULL && r->n < ASK_FIELDS) {
        char *equals = strchr(part, '=');

        if (equals == NULL)
            continue;
        *equals = '\0';
        r->fields[r->n++] = (struct ask_field){ part, equals + 1 };
    }
    return true;
}

const char *
estab_ask_value(const struct ask_record *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return "";
}

bool
estab_ask_has(const struct ask_record *r, const char *name)
{
    return estab_ask_value(r, name)[0] != '\0';
}

/* --- JSON --- */

static void
print_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* Digits without a leading zero, and a minus perhaps, are numbers. */
static bool
is_number(const char *text)
{
    size_t len;

    if (*text == '-')
        text++;
    len = strspn(text, "0123456789");
    return len > 0 && len < 19 && text[len] == '\0' && (len == 1 || *text != '0');
}

void
estab_ask_print_json(const struct ask_record *r, bool first)
{
    printf("%s  {", first ? "" : ",\n");
    for (size_t i = 0; i < r->n; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_json_text(r->fields[i].name);
        printf(": ");
        if (is_number(r->fields[i].value))
            printf("%s", r->fields[i].value);
        else
            print_json_text(r->fields[i].value);
    }
    printf("}");
}

int
estab_ask_finish(const char *command)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return estab_ask_complain(command, "cannot write to standard output");
}
