// The part of the record that tells of a secure sum.
#include "app/recorder.hpp"
#include "core/text.hpp"

namespace fedfuse {

void Recorder::secure(const SecureReport& s) {
  auto& p = record.privacy;
  p.set("secure_clients", double(s.clients));
  p.set("secure_gone", double(s.gone));
  p.set("secure_words", double(s.words));
  p.set("secure_masks", double(s.masks));
  p.set("secure_refused", s.refused ? 1 : 0);
  auto& t = record.time;
  const bool samples = record.config.secure.sum == SecureSumKind::sample;
  if (samples) {
    t.set("secure_agree_s", s.agree_s);
    t.set("secure_share_s", s.share_s);
    t.set("secure_join_s", s.join_s);
  }
  t.set("secure_mask_s", s.mask_s);
  t.set("secure_unmask_s", s.unmask_s);
}

// A turn on all words: a window's masks cost as many times more.
void Recorder::finish_secure(const SecureSum& secure) {
  auto& facts = record.facts;
  facts["secure_degree"] = secure.degree();
  facts["secure_threshold"] = secure.threshold();
  const double words = double(secure.upload_words());
  facts["secure_upload_words"] = words;
  const auto& p = record.privacy;
  double turns = 0, all = 0, rounds = 0, share = 1;
  for (std::size_t row = 0; row < p.rows(); ++row) {
    if (p.at("secure_refused", row) != 0) continue;
    all += p.at("secure_clients", row);
    turns += p.at("secure_clients", row) - p.at("secure_gone", row);
    share = p.at("secure_words", row) / words;
    ++rounds;
  }
  if (turns > 0) {
    const auto& t = record.time;
    facts["secure_client_s"] =
        (sum_of(t, "secure_agree_s") + sum_of(t, "secure_mask_s") / share) / turns +
        sum_of(t, "secure_share_s") / all;
    const double participants = sum_of(record.metrics, "participants");
    facts["secure_server_s"] = (sum_of(t, "secure_join_s") + sum_of(t, "secure_unmask_s") / share) /
                               all * participants / rounds;
  }
  record.notes["secure_sum"] =
      record.config.secure.sum == SecureSumKind::check
          ? "emulated in one program that holds all keys, so nothing is hidden: all clients masked "
            "a window of words with keys from a counter, and the sum had the bits of the plain "
            "one; secure_client_s and secure_server_s are the window's masks, extrapolated to all "
            "words, without agreements and shares"
          : "emulated in one program that holds all keys, so nothing is hidden: a sample of "
            "clients "
            "masked all words with keys that pairs agreed on (X25519) and secrets from shares, and "
            "their sum had the bits of their plain one; secure_client_s is their mean, "
            "secure_server_s is extrapolated to all participants; shares were not encrypted";
}

}  // namespace fedfuse
