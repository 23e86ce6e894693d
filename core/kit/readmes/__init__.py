"""The READMEs of a kit, in English and in Chinese: one file for each README or for a chapter of it."""
