/* Key files. Reading is strict: a secret that others could have read is no secret. */
#include "cluster/watch/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/yaml.h"

enum { FILE_LIMIT = 1 << 20, RAW_KEY = 32 };

static int is_key(const char *text)
{
    uint8_t raw[RAW_KEY];

    return strlen(text) == CURVE_KEY - 1 && zmq_z85_decode(raw, text) != NULL;
}

static status write_new(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    status s;

    if (fd < 0) return fault(errno == EEXIST ? ST_INPUT : ST_IO, "%s: cannot create: %s", path, strerror(errno));
    s = file_write_fully(fd, text, strlen(text));
    if (s == ST_OK && fsync(fd) != 0) s = ST_IO;
    if (close(fd) != 0) s = ST_IO;
    if (s == ST_OK) return ST_OK;
    unlink(path);
    return fault(ST_IO, "%s: cannot write", path);
}

status curve_generate(const char *base)
{
    char path[4096], text[512], host[64] = "monitor";
    struct curve_pair pair;
    const char *name = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;

    if (zmq_curve_keypair(pair.public_key, pair.secret) != 0)
        return fault(ST_SYSTEM, "no keys: this libzmq was built without CURVE");
    if (!*name || strlen(base) > sizeof path - 8) return fault(ST_USAGE, "keygen: \"%s\" is no file name", base);
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    snprintf(path, sizeof path, "%s.pub", base);
    if (file_exists(path)) return fault(ST_INPUT, "%s: exists already, keys are never overwritten", path);
    snprintf(path, sizeof path, "%s.key", base);
    snprintf(text, sizeof text,
             "# Secret key of an mp2 stream. Keep it readable by its owner alone.\npublic: \"%s\"\nsecret: \"%s\"\n",
             pair.public_key, pair.secret);
    TRY(write_new(path, 0600, text));
    snprintf(path, sizeof path, "%s.pub", base);
    snprintf(text, sizeof text, "%s %.64s@%s\n", pair.public_key, name, host);
    return write_new(path, 0644, text);
}

static status check_private(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) return fault(ST_INPUT, "%s: cannot read: %s", path, strerror(errno));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fault(ST_INPUT, "%s: found mode %04o, expected a secret that only its owner can read (chmod 600)", path,
                     (unsigned)st.st_mode & 07777u);
    return ST_OK;
}

static status take_key(const char *path, const struct yaml_file *file, const char *name, char out[CURVE_KEY])
{
    const struct yaml *node = yaml_get(file->root, name);

    if (!node || node->kind != YAML_TEXT || !is_key(node->text))
        return fault(ST_INPUT, "%s: expected %s: and 40 characters of Z85 (mp2-monitor keygen makes such files)", path,
                     name);
    memcpy(out, node->text, CURVE_KEY);
    return ST_OK;
}

status curve_load(const char *path, struct curve_pair *pair)
{
    char derived[CURVE_KEY];
    struct yaml_file file;
    status s;

    TRY(check_private(path));
    TRY(yaml_load(path, &file));
    s = take_key(path, &file, "public", pair->public_key);
    if (s == ST_OK) s = take_key(path, &file, "secret", pair->secret);
    yaml_close(&file);
    TRY(s);
    if (zmq_curve_public(derived, pair->secret) != 0 || strcmp(derived, pair->public_key) != 0)
        return fault(ST_INPUT, "%s: public and secret key do not belong together", path);
    return ST_OK;
}

static status list_add(struct curve_list *list, size_t *room, const char *key)
{
    TRY(mem_grow(&list->keys, room, list->count + 1, sizeof *list->keys));
    memcpy(list->keys[list->count++], key, CURVE_KEY);
    return ST_OK;
}

static status list_parse(const char *path, char *text, struct curve_list *list)
{
    size_t room = 0;
    int number = 0;

    for (char *next, *line = text; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        number++;
        if (!*line || *line == '\r' || strncmp(line, "# ", 2) == 0) continue;
        line[strcspn(line, " \t\r")] = 0;
        if (!is_key(line))
            return fault(ST_INPUT, "%s:%d: found %zu characters, expected a public key of 40 characters of Z85", path,
                         number, strlen(line));
        TRY(list_add(list, &room, line));
    }
    if (!list->count) return fault(ST_INPUT, "%s: no key in it", path);
    return ST_OK;
}

status curve_load_list(const char *path, struct curve_list *list)
{
    size_t size;
    char *text;
    status s;

    memset(list, 0, sizeof *list);
    TRY(file_read(path, FILE_LIMIT, &text, &size));
    s = list_parse(path, text, list);
    mem_free(text);
    if (s != ST_OK) curve_list_free(list);
    return s;
}

void curve_list_free(struct curve_list *list)
{
    mem_free(list->keys);
    memset(list, 0, sizeof *list);
}

status curve_load_public(const char *path, char key[CURVE_KEY])
{
    struct curve_list list;

    TRY(curve_load_list(path, &list));
    memcpy(key, list.keys[0], CURVE_KEY);
    curve_list_free(&list);
    return ST_OK;
}

int curve_allowed(const struct curve_list *list, const unsigned char *raw, size_t size)
{
    char text[CURVE_KEY];

    if (size != RAW_KEY || !zmq_z85_encode(text, raw, RAW_KEY)) return 0;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->keys[i], text) == 0) return 1;
    return 0;
}
