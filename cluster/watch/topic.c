#include "cluster/watch/topic.h"

#include <stddef.h>

static const struct {
    const ProtobufCMessageDescriptor *type;
    Mp2__Progress__BodyCase body;
    const char *topic;
} topics[] = {{&mp2__run__descriptor, MP2__PROGRESS__BODY_RUN, "run"},
              {&mp2__step__descriptor, MP2__PROGRESS__BODY_STEP, "step"},
              {&mp2__task__descriptor, MP2__PROGRESS__BODY_TASK, "task"},
              {&mp2__router__descriptor, MP2__PROGRESS__BODY_ROUTER, "router"},
              {&mp2__worker__descriptor, MP2__PROGRESS__BODY_WORKER, "worker"},
              {&mp2__eval__descriptor, MP2__PROGRESS__BODY_EVAL, "eval"},
              {&mp2__checkpoint__descriptor, MP2__PROGRESS__BODY_CHECKPOINT, "checkpoint"},
              {&mp2__event__descriptor, MP2__PROGRESS__BODY_EVENT, "event"},
              {&mp2__stream__descriptor, MP2__PROGRESS__BODY_STREAM, "stream"}};

enum { TOPICS = sizeof topics / sizeof *topics };

const char *topic_of(const Mp2__Progress *m)
{
    for (int i = 0; i < TOPICS; i++)
        if (topics[i].body == m->body_case) return topics[i].topic;
    return NULL;
}

Mp2__Progress__BodyCase topic_body_of(const ProtobufCMessageDescriptor *type)
{
    for (int i = 0; i < TOPICS; i++)
        if (topics[i].type == type) return topics[i].body;
    return MP2__PROGRESS__BODY__NOT_SET;
}
