/* SPDX-License-Identifier: MIT */
/* The files below one directory; see http_files.h. */
#include "cli/http_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Neither a FIFO nor a terminal may hold us up. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Before Linux 5.6: one component after the other, following no symbolic link at all. */
static int
open_by_steps(int root, const char *path)
{
    int at = fcntl(root, F_DUPFD_CLOEXEC, 0);

    while (at >= 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        char name[256];
        int next;

        if (len >= sizeof name) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + (path[len] == '/');
        next = openat(at, name, OPEN_FLAGS | O_NOFOLLOW | (*path != '\0' ? O_DIRECTORY : 0));
        close(at);
        at = next;
    }
    return at;
}

static int
open_beneath(int root, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    if (*path == '\0')
        path = ".";
    fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_by_steps(root, strcmp(path, ".") == 0 ? "" : path);
    return (int)fd;
}

static unsigned
status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return 404;
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV: /* a link that leads out */
    case ENXIO:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static const char *
type_of(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        { "html", "text/html; charset=utf-8" },
        { "htm", "text/html; charset=utf-8" },
        { "txt", "text/plain; charset=utf-8" },
        { "md", "text/plain; charset=utf-8" },
        { "log", "text/plain; charset=utf-8" },
        { "c", "text/plain; charset=utf-8" },
        { "h", "text/plain; charset=utf-8" },
        { "css", "text/css; charset=utf-8" },
        { "csv", "text/csv; charset=utf-8" },
        { "js", "text/javascript; charset=utf-8" },
        { "mjs", "text/javascript; charset=utf-8" },
        { "json", "application/json" },
        { "xml", "application/xml" },
        { "svg", "image/svg+xml" },
        { "png", "image/png" },
        { "jpg", "image/jpeg" },
        { "jpeg", "image/jpeg" },
        { "gif", "image/gif" },
        { "webp", "image/webp" },
        { "avif", "image/avif" },
        { "ico", "image/vnd.microsoft.icon" },
        { "woff", "font/woff" },
        { "woff2", "font/woff2" },
        { "ttf", "font/ttf" },
        { "mp3", "audio/mpeg" },
        { "ogg", "audio/ogg" },
        { "wav", "audio/wav" },
        { "mp4", "video/mp4" },
        { "webm", "video/webm" },
        { "pdf", "application/pdf" },
        { "wasm", "application/wasm" },
        { "zip", "application/zip" },
        { "gz", "application/gzip" },
        { "tar", "application/x-tar" },
    };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash : path, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static unsigned
describe(struct http_file *file, const char *path)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        close(file->fd);
        file->fd = -1;
        return 403;
    }
    file->is_directory = S_ISDIR(st.st_mode);
    file->size = (uint64_t)st.st_size;
    file->modified = (int64_t)st.st_mtim.tv_sec;
    file->type = type_of(path);
    return 0;
}

static unsigned
open_and_describe(int root, const char *path, struct http_file *file)
{
    *file = (struct http_file){ .fd = open_beneath(root, path) };
    return file->fd < 0 ? status_of(errno) : describe(file, path);
}

unsigned
estab_http_open(int root, const char *path, bool wants_directory, struct http_file *file)
{
    unsigned status = open_and_describe(root, path, file);
    struct http_file index;
    char index_path[8192];

    if (status != 0)
        return status;
    if (file->is_directory != wants_directory) {
        close(file->fd);
        status = file->is_directory ? 301 : 404;
        file->fd = -1;
        return status;
    }
    if (!file->is_directory)
        return 0;
    snprintf(index_path, sizeof index_path, "%s%sindex.html", path, *path != '\0' ? "/" : "");
    status = open_and_describe(root, index_path, &index);
    if (status == 0 && !index.is_directory) {
        close(file->fd);
        *file = index;
        return 0;
    }
    if (index.fd >= 0)
        close(index.fd);
    return 0;
}

/* --- listings --- */

enum {
    LIST_MAX = 256 * 1024, /* octets of a page: what one connection may hold */
    ENTRIES_MAX = 20000,
};

struct page {
    char *text;
    size_t len;
    bool full;
};

static void
put(struct page *page, const char *text, size_t len)
{
    if (page->full || page->len + len > LIST_MAX) {
        page->full = true;
        return;
    }
    memcpy(page->text + page->len, text, len);
    page->len += len;
}

static void
put_text(struct page *page, const char *text)
{
    put(page, text, strlen(text));
}

static void
put_html(struct page *page, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            put_text(page, "&amp;");
            break;
        case '<':
            put_text(page, "&lt;");
            break;
        case '>':
            put_text(page, "&gt;");
            break;
        case '"':
            put_text(page, "&quot;");
            break;
        default:
            put(page, text, 1);
        }
    }
}

static int
by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* Names of a directory, with a slash behind those of directories; from malloc(). */
static size_t
read_names(DIR *dir, char **names, size_t max)
{
    const struct dirent *entry;
    size_t n = 0;

    while (n < max && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        bool slash = entry->d_type == DT_DIR;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
            struct stat st;

            slash = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
        }
        names[n] = malloc(len + 2);
        if (names[n] == NULL)
            break;
        memcpy(names[n], entry->d_name, len);
        strcpy(names[n] + len, slash ? "/" : "");
        n++;
    }
    qsort(names, n, sizeof *names, by_name);
    return n;
}

static void
put_entry(struct page *page, const char *name)
{
    char encoded[3 * 256 + 4];

    encoded[0] = '\0';
    if (!estab_http_encode_path(encoded, sizeof encoded, name))
        return;
    /* "./": a name with a colon must not look like a scheme. */
    put_text(page, "<li><a href=\"./");
    put_text(page, encoded);
    put_text(page, "\">");
    put_html(page, name);
    put_text(page, "</a>\n");
}

char *
estab_http_list(int directory, const char *path, size_t *len)
{
    static const char cut[] = "<li>... the list is too long\n";
    char **names = calloc(ENTRIES_MAX, sizeof *names);
    struct page page = { .text = malloc(LIST_MAX + sizeof cut) };
    int again = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    size_t n = 0;
    char *fitted;

    if (dir == NULL && again >= 0)
        close(again);
    if (names == NULL || page.text == NULL || dir == NULL) {
        if (dir != NULL)
            closedir(dir);
        free(names);
        free(page.text);
        return NULL;
    }
    n = read_names(dir, names, ENTRIES_MAX);
    closedir(dir);
    put_text(&page, "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/");
    put_html(&page, path);
    put_text(&page, "</title>\n<h1>/");
    put_html(&page, path);
    put_text(&page, "</h1>\n<ul>\n");
    if (*path != '\0')
        put_text(&page, "<li><a href=\"../\">../</a>\n");
    for (size_t i = 0; i < n; i++) {
        size_t before = page.len;

        put_entry(&page, names[i]);
        if (page.full)
            page.len = before < page.len ? before : page.len;
        free(names[i]);
    }
    if (page.full || n == ENTRIES_MAX) {
        memcpy(page.text + page.len, cut, sizeof cut - 1);
        page.len += sizeof cut - 1;
    }
    free(names);
    *len = page.len;
    fitted = realloc(page.text, page.len);
    return fitted != NULL ? fitted : page.text;
}

bool
estab_http_encode_path(char *out, size_t cap, const char *in)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(out);

    for (; *in != '\0'; in++) {
        unsigned char c = (unsigned char)*in;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/", c) != NULL;

        if (len + (plain ? 1 : 3) >= cap)
            return false;
        if (plain) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    out[len] = '\0';
    return true;
}

char *
estab_http_date(int64_t seconds, char buf[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    /* The command never calls setlocale(): the names are English. */
    strftime(buf, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return buf;
}
