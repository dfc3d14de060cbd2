/* Learning pieces: byte pair encoding over counted words (Sennrich et al. 2016), with the letters inside a word written
 * ##x, as Hugging Face's WordPiece trainer does it. The neighbours that stand together most often become a piece, again
 * and again. */
#ifndef MP2_COORDINATOR_TEXT_MERGES_H
#define MP2_COORDINATOR_TEXT_MERGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "coordinator/text/text_count.h"

/* Called now and then with the number of pieces so far. */
typedef void merges_progress(void *arg, size_t pieces);

/* Local. pieces holds the letters ("a", "##a"); words with other letters are left out. New pieces are added behind, in
 * the order found, with how often they stood there, until there are most or no pair occurs least times. The same
 * result for the same words in any order: of pairs that occur equally often the one of earlier pieces goes first. */
status merges_learn(const struct text_count *words, struct text_count *pieces, size_t most, int64_t least,
                    merges_progress *progress, void *arg);

#endif
