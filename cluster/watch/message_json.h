/* Any protobuf-c message <-> one line of JSON, by its descriptors, so that a field declared in a .proto file needs no
 * second mention anywhere. The form is protobuf's own JSON mapping with the names as declared, except that 64-bit
 * numbers are plain numbers: enums by name, bytes as base64, NaN and infinities as the strings "NaN", "Infinity",
 * "-Infinity". All plain fields are written, zeros too, so that a plot finds every column; messages and oneofs that are
 * not set are not. */
#ifndef MP2_CLUSTER_WATCH_MESSAGE_JSON_H
#define MP2_CLUSTER_WATCH_MESSAGE_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "cluster/base/status.h"

/* Local. message as a line of JSON without '\n', freed by mem_free; *size bytes and a 0 after. Texts that are not
 * UTF-8 get U+FFFD for every bad byte. */
status json_line(const ProtobufCMessage *message, char **line, size_t *size);

/* Local. The same, appended to a growing buffer (*text of *room bytes, mem_grow), at *size. */
status json_append(const ProtobufCMessage *message, char **text, size_t *room, size_t *size);

/* Local. Back: a message of the given type, freed by protobuf_c_message_free_unpacked(m, NULL). Unknown keys are
 * skipped (a newer program wrote them), missing ones are zero; a value of the wrong type or out of range is ST_INPUT,
 * said with where ("metrics.jsonl:12") in front. */
status json_message(const char *where, const char *line, size_t size, const ProtobufCMessageDescriptor *type,
                    ProtobufCMessage **out);

#endif
