"""The source and all candidates on the same test samples: accuracy, then latency, then the judgement."""
