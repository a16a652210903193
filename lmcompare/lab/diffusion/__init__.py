"""How does a text embedding guide image generation? A small diffusion model of digits that reads a prompt."""
