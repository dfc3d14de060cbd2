/* The kinds of messages that a stream carries: a body's type, its place in the envelope, and its topic, the word
 * before it on the wire. */
#ifndef MP2_CLUSTER_WATCH_TOPIC_H
#define MP2_CLUSTER_WATCH_TOPIC_H

#include "proto/progress.pb-c.h"

/* Local. The topic of a message ("step"), NULL when its body is unset or unknown. */
const char *topic_of(const Mp2__Progress *message);

/* Local. The place of bodies of this type in the envelope; MP2__PROGRESS__BODY__NOT_SET when they have none. */
Mp2__Progress__BodyCase topic_body_of(const ProtobufCMessageDescriptor *type);

#endif
